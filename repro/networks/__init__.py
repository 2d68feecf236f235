"""What the networks are: definitions in torch, the oracle of all others, and tables of layers."""
