"""Magnitudes without a smallest number, the normal distribution, and numbers in words."""
