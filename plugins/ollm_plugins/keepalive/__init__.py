"""Keeps models in memory that are used often, and lets go of idle ones."""
