"""The rules of the model, each with a test that fails without it."""
