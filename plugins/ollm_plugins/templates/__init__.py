"""The room `templates`."""
