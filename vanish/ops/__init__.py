"""The operations, one file each with its meanings in every reading."""
