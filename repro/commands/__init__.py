"""What the commands do that do more than read and print; the others are in cli.py alone."""
