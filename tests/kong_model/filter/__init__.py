"""The built filter on the model: what only Kong's host can do to it."""
