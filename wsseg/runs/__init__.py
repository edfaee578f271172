"""A folder of photos: what is done with each, what is recorded, and how a run resumes."""
