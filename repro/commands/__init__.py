"""What the commands do that do more than read and print; the others are in `command_line` alone."""
