"""Photos, masks, labels and paths, on disk or in object storage."""
