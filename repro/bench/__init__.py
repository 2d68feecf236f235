"""How fast this machine trains, beside the loops that users write."""
