"""Learning from photos: a network from photos without masks, and a recipe from photos with truths."""
