"""What makes a run stable: changes of its settings that are tried by running them."""
