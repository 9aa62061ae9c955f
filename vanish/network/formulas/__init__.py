"""Formulas that people write: their tokens, their trees, and errors that point into them."""
