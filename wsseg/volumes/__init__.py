"""Volumes: the graph cut in three dimensions, from voxels that a person marks."""
