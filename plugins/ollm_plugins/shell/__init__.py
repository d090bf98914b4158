"""The room `shell`."""
