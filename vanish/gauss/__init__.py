"""Gaussian moments of activations: quadrature and closed forms."""
