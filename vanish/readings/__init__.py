"""The readings of the chain-rule product: one file a reading."""
