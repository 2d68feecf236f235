"""The report's networks in C, to the same bits on every CPU: level L4.

`c/` has the sources, of which `specification.c` is the one to read first; `networks` the tables of
layers, `binding` a network in memory, `build` and `library` how the C code gets there.
"""
