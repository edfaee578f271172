"""Where work runs: in this process, in several, or on a Ray cluster. No engine knows what a photo is."""
