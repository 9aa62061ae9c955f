"""What the system gives and takes: memory, signals, files that are whole or not there."""
