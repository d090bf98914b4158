"""Answers one prompt and ends."""
