"""Dice for ollm."""
