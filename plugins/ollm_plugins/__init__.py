"""The rooms: one package a feature. None imports another."""
