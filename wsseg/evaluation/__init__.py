"""Masks against truths: protocols, layouts of benchmarks, scores and comparisons."""
