"""One run, epoch by epoch: by the kernels on a CPU, by the kernels on a GPU, or by torch."""
