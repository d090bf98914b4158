"""Knows what each model can do, and holds requests to it."""
