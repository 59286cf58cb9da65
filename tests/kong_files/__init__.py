"""What Kong's operators take."""
