"""The built filter on Envoy against identity providers as they are."""
