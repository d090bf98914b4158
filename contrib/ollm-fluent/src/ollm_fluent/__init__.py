"""Prefers the model that has already answered in this repository's language."""
