"""THE MASK: from evidence to the labeling of least energy."""
