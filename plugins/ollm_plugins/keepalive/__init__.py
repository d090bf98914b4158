"""Keeps models in memory that are used often."""
