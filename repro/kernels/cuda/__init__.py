"""The kernels on an NVIDIA GPU: the same bits as on a CPU, many runs at a time."""
