"""What the commands do: fetch, train, judge, draw.

Those that only read and print have no file here; they are in `command_line/` alone.
"""
