"""What photos teach: a head from photos without masks, a recipe from photos with truths."""
