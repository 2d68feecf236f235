"""What the networks are: torch definitions, which the kernels are held to, and layer tables."""
