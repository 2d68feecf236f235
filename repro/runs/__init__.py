"""What a run leaves on disk, and which runs there are."""
