"""Says which models there are."""
