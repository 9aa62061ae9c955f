"""From settings to a profile: the run, what is measured of it, and what is said of it."""
