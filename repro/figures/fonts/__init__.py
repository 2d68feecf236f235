"""The font of the figures, and how it was made."""
