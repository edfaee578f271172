"""Learning from photos: a head from photos without masks, and a recipe from photos with truths."""
