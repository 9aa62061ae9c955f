"""The readings of the chain rule: what flows, and what each kind of operation makes of it."""
