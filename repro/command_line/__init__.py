"""The command line: options and calls.

`cli.py` lists the commands; what does more than read and print is in `commands/`.
"""
