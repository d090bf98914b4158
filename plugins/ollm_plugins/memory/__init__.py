"""Remembers facts, preferences and context across sessions."""
