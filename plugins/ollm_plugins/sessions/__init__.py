"""Every conversation is kept as it happens, and can be gone on with."""
