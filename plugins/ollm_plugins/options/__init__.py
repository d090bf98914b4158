"""Generation options: settings, flags and variables that reach every request."""
