"""Compares the answers of several models, and keeps which one was preferred."""
