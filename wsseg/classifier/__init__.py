"""WHAT: the frozen network, its weights, and the categories that it knows."""
