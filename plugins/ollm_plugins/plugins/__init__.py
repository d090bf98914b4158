"""Says which plugins there are, what is wrong with each, and turns them off and on."""
