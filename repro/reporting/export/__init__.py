"""The evidence in forms that others have readers for."""
