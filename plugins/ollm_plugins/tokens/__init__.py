"""Counts tokens, and learns from each turn."""
