"""A CPU that does what `kernels/cuda` asks of a GPU: block after block, thread after thread."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from repro.kernels.cuda.launches import Args
from repro.kernels.cuda.plan import BLOCK

LAUNCH = """
extern "C" void launch(void (*entry)(const Args &), const Args &args, int threads, int replicas) {
  for (REPLICA = 0; REPLICA < replicas; REPLICA++)
    for (THREAD = 0; THREAD < threads; THREAD++) entry(args);
}
"""
FLAGS = (
    "-x", "c++", "-std=c++20", "-O2", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti",
    "-nostdinc++", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
    "-Wno-unused-parameter",
)  # fmt: skip


class Recorded:
    def __init__(self, device, calls):
        self._device, self._calls = device, calls

    def replay(self):
        for call in self._calls:
            self._device.launch(*call)

    def close(self):
        pass


class OnCpu:
    """A :class:`repro.kernels.cuda.device.Device`; it compiles into `folder`."""

    name = "a CPU"

    def __init__(self, folder: Path, cpu: str) -> None:
        self._folder, self._cpu, self._kept = folder, cpu, {}

    def compile(self, source, entries):
        out = self._folder / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.so"
        if not out.exists():
            text = out.with_suffix(".cc")
            text.write_text(source + LAUNCH)
            subprocess.run(
                [sys.executable, "-m", "ziglang", "cc", f"-mcpu={self._cpu}", *FLAGS, str(text),
                 "-o", str(out)],
                check=True,
            )  # fmt: skip
        library = ctypes.CDLL(str(out))
        # Which thread it is, is a variable of each library: it has a launcher of its own.
        return {
            name: (library.launch, ctypes.cast(library[name], ctypes.c_void_p)) for name in entries
        }

    def enter(self):
        pass

    def allocate(self, size):
        memory = np.zeros(size + 256, np.uint8)
        address = memory.ctypes.data + -memory.ctypes.data % 256
        self._kept[address] = memory
        return address

    def free(self, address):
        del self._kept[address]

    def upload(self, address, array):
        array = np.ascontiguousarray(array)
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def download(self, array, address):
        ctypes.memmove(array.ctypes.data, address, array.nbytes)

    def launch(self, function, blocks, replicas, args: Args):
        launch, entry = function
        launch(entry, ctypes.byref(args), blocks * BLOCK, replicas)

    def wait(self):
        pass

    def seconds(self, work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def record(self, calls):
        return Recorded(self, list(calls))
