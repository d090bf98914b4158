"""Says which providers there are and whether they answer, and chooses one."""
