"""Suits settings to the project that one works in, if the user trusts it."""
