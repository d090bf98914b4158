"""Holds a conversation at the terminal: a prompt, answers as they come, and every command."""
