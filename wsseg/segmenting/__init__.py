"""A photo through all stages: the segmenter, its results, and sessions with hints."""
