"""Renderers: pure functions from results to text, one file a format."""
