"""The report's networks in C and CUDA, to the same bits on every CPU and NVIDIA GPU.

`c/` has the sources, of which `specification.c` is the one to read first; `networks` the tables of
layers, `binding` a network in memory, `build` and `library` how the C code gets there.
"""
