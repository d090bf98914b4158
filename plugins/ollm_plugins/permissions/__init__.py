"""The room `permissions`."""
