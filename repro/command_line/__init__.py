"""The command line: options and calls. `cli.py` lists the commands; `commands/` does the work."""
