"""Chooses the model that suits a turn, and explains why."""
