"""Shows and changes the settings."""
