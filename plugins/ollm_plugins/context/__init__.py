"""Keeps a conversation within its model's context, and never lets anything fall out of it unsaid."""
