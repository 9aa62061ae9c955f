"""What becomes of a network that is trained."""
