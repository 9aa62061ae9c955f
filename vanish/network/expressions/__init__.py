"""Activations by formula: a small language of x, read, differentiated, written and evaluated."""
