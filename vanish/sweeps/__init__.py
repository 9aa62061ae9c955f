"""Grids of settings: points, journal, workers."""
