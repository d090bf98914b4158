"""Which tools models are offered, what their results may cost, and what they did."""
