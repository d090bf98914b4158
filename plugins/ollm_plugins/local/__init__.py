"""An engine in the same process: the provider `local`."""
