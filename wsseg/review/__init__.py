"""A page to work in: a person corrects, accepts and hands back the masks of a run."""
