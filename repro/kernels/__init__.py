"""The report's networks in C; `build` compiles them, `library` loads what this CPU can run."""
