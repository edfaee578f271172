"""Score masks against truths: protocols, layouts of benchmarks, bootstrap intervals and comparisons."""
