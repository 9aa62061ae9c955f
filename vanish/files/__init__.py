"""Files of arrays and networks."""
