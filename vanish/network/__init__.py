"""What a network is: its graph and chain rule, activations, weights, losses, random streams."""
