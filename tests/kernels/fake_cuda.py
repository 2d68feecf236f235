"""A driver and a compiler that are not there: `cuda.bindings` as `gpu.py` calls it.

Memory is this machine's, kernels run on its CPU, and what a real driver would refuse is refused: a
wait or a copy while a stream is recorded, more memory than there is, a card that the compiler does
not know.
"""

from __future__ import annotations

import ctypes
import enum
import re
import types

import numpy as np

from repro.kernels.cuda.launches import Args


class Result(enum.IntEnum):
    SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_INVALID_DEVICE = 101
    CUDA_ERROR_INVALID_IMAGE = 200
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900
    NVRTC_ERROR_INVALID_OPTION = 5
    NVRTC_ERROR_COMPILATION = 6


class Stream:
    recorded: list | None = None


class Cuda:
    """What the modules `driver` and `nvrtc` offer, over `on_cpu` (:class:`OnCpu`)."""

    def __init__(self, on_cpu, *, cards=("Fake H100",), capability=(9, 0), memory=10**12):
        self.cards, self.capability, self.memory = cards, capability, memory
        self.calls: list[str] = []
        self.compiled = 0
        self._on_cpu, self._held, self._graphs = on_cpu, {}, set()
        self._programs, self._recording = {}, None
        attribute = types.SimpleNamespace(
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR=0,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR=1,
        )
        names = [name for name in dir(self) if name.startswith(("cu", "nvrtc"))]
        functions = {name: self._counted(name) for name in names}
        self.driver = types.SimpleNamespace(
            CUstream_flags=types.SimpleNamespace(CU_STREAM_NON_BLOCKING=1),
            CUstreamCaptureMode=types.SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL=1),
            CUdevice_attribute=attribute, **functions,
        )  # fmt: skip
        self.nvrtc = self.driver

    @property
    def in_use(self) -> int:
        """Bytes that are allocated."""
        return sum(self._held.values())

    @property
    def graphs(self) -> int:
        """Graphs that were made and not destroyed."""
        return len(self._graphs)

    def _counted(self, name):
        function = getattr(self, name)

        def call(*args):
            self.calls.append(name)
            return function(*args)

        return call

    def _free_to_wait(self, *values):
        if self._recording is not None:
            return (Result.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, *[None for _ in values])
        return (Result.SUCCESS, *values)

    # ---- the driver ----

    def cuInit(self, flags):
        return (Result.SUCCESS,)

    def cuDeviceGetCount(self):
        return (Result.SUCCESS, len(self.cards))

    def cuDeviceGet(self, number):
        there = number < len(self.cards)
        return (Result.SUCCESS if there else Result.CUDA_ERROR_INVALID_DEVICE, number)

    def cuDevicePrimaryCtxRetain(self, device):
        return (Result.SUCCESS, object())

    def cuCtxSetCurrent(self, context):
        return (Result.SUCCESS,)

    def cuStreamCreate(self, flags):
        return (Result.SUCCESS, Stream())

    def cuDeviceGetName(self, length, device):
        return (Result.SUCCESS, self.cards[device].encode().ljust(length, b"\0"))

    def cuDeviceGetAttribute(self, attribute, device):
        return (Result.SUCCESS, self.capability[attribute])

    def cuModuleLoadData(self, code):
        if not code.startswith(b"\x7fELF"):
            return (Result.CUDA_ERROR_INVALID_IMAGE, None)
        source = code[4:].decode()
        entries = re.findall(r"^ENTRY\((\w+)\) ", source, re.MULTILINE)
        if not entries:  # that of `gpu.main`
            return (Result.SUCCESS, {"add": None})
        return (Result.SUCCESS, self._on_cpu.compile(source, entries))

    def cuModuleGetFunction(self, module, name):
        return (Result.SUCCESS, module[name.decode()])

    def cuMemAlloc(self, size):
        if self.in_use + size > self.memory:
            return (Result.CUDA_ERROR_OUT_OF_MEMORY, None)
        address = self._on_cpu.allocate(size)
        self._held[address] = size
        return self._free_to_wait(address)

    def cuMemsetD8Async(self, address, value, size, stream):
        ctypes.memset(address, value, size)
        return (Result.SUCCESS,)

    def cuMemFree(self, address):
        del self._held[address]
        self._on_cpu.free(address)
        return self._free_to_wait()

    def cuMemcpyHtoD(self, there, here, size):
        ctypes.memmove(there, here, size)
        return self._free_to_wait()

    def cuMemcpyDtoH(self, here, there, size):
        ctypes.memmove(here, there, size)
        return self._free_to_wait()

    def cuStreamSynchronize(self, stream):
        return self._free_to_wait()

    def cuLaunchKernel(self, function, x, y, z, threads, ty, tz, shared, stream, parameters, extra):
        place = ctypes.c_void_p.from_address(parameters).value
        if function is None:
            number = np.ctypeslib.as_array(
                ctypes.cast(
                    ctypes.c_void_p.from_address(place).value, ctypes.POINTER(ctypes.c_int)
                ),
                (1,),
            )
            number += 41
            return (Result.SUCCESS,)
        args = Args.from_buffer_copy(ctypes.string_at(place, ctypes.sizeof(Args)))
        call = (function, x, y, args)
        if stream.recorded is None:
            self._on_cpu.launch(*call)
        else:
            stream.recorded.append(call)
        return (Result.SUCCESS,)

    def cuStreamBeginCapture(self, stream, mode):
        stream.recorded = []
        self._recording = stream
        return (Result.SUCCESS,)

    def cuStreamEndCapture(self, stream):
        calls, stream.recorded, self._recording = tuple(stream.recorded), None, None
        return (Result.SUCCESS, calls)

    def cuGraphInstantiate(self, calls, flags):
        graph = types.SimpleNamespace(calls=calls)
        self._graphs.add(id(graph))
        return (Result.SUCCESS, graph)

    def cuGraphDestroy(self, calls):
        return (Result.SUCCESS,)

    def cuGraphExecDestroy(self, graph):
        self._graphs.remove(id(graph))
        return (Result.SUCCESS,)

    def cuGraphLaunch(self, graph, stream):
        for call in graph.calls:
            self._on_cpu.launch(*call)
        return (Result.SUCCESS,)

    # ---- the compiler ----

    def nvrtcVersion(self):
        return (Result.SUCCESS, 13, 0)

    def nvrtcCreateProgram(self, source, name, count, headers, names):
        return (Result.SUCCESS, types.SimpleNamespace(source=source, log=b""))

    def nvrtcCompileProgram(self, program, count, options):
        self.compiled += 1
        if b"--gpu-architecture=sm_90" in options:
            return (Result.SUCCESS,)
        program.log = b"nvrtc: error: invalid value for --gpu-architecture (-arch)\n\0"
        return (Result.NVRTC_ERROR_INVALID_OPTION,)

    def nvrtcGetProgramLogSize(self, program):
        return (Result.SUCCESS, len(program.log))

    def nvrtcGetProgramLog(self, program, log):
        ctypes.memmove(log, program.log, len(program.log))
        return (Result.SUCCESS,)

    def nvrtcGetCUBINSize(self, program):
        return (Result.SUCCESS, len(program.source) + 4)

    def nvrtcGetCUBIN(self, program, code):
        ctypes.memmove(code, b"\x7fELF" + program.source, len(program.source) + 4)
        return (Result.SUCCESS,)
