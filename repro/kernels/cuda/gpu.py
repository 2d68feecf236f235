"""An NVIDIA GPU, by way of its driver and the run-time compiler that torch brings along."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cuda.bindings import driver, nvrtc

from repro.errors import TrainingError
from repro.kernels.cuda.plan import BLOCK, Args

_OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true")
"""As IEEE 754 has it: nothing is contracted, denormal numbers are numbers, division and square root
are rounded to nearest."""


class Gpu:
    """One card: a :class:`repro.kernels.cuda.group.Device`.

    Raises:
        TrainingError: there is no such card, or its driver cannot be loaded.
    """

    def __init__(self, number: int = 0, *, cache: Path | None = None) -> None:
        self._cache = cache
        _check(driver.cuInit(0))
        self._device = _check(driver.cuDeviceGet(number))
        self._context = _check(driver.cuDevicePrimaryCtxRetain(self._device))
        _check(driver.cuCtxSetCurrent(self._context))
        self._stream = _check(driver.cuStreamCreate(driver.CUstream_flags.CU_STREAM_NON_BLOCKING))
        self.name = _check(driver.cuDeviceGetName(256, self._device)).split(b"\0")[0].decode()
        attribute = driver.CUdevice_attribute
        self.capability = tuple(
            _check(driver.cuDeviceGetAttribute(each, self._device))
            for each in (
                attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )
        )
        self._modules: list[Any] = []

    def compile(self, source: str, entries: Sequence[str]) -> Mapping[str, Any]:
        """The functions called `entries`."""
        _check(driver.cuCtxSetCurrent(self._context))
        code = cached(source, f"sm_{self.capability[0]}{self.capability[1]}", self._cache)
        module = _check(driver.cuModuleLoadData(code))
        self._modules.append(module)
        return {
            name: _check(driver.cuModuleGetFunction(module, name.encode())) for name in entries
        }

    def allocate(self, size: int) -> int:
        """The address of `size` bytes of zeros."""
        address = int(_check(driver.cuMemAlloc(max(size, 1))))
        _check(driver.cuMemsetD8Async(address, 0, max(size, 1), self._stream))
        return address

    def free(self, address: int) -> None:
        """Give them back."""
        self.wait()
        _check(driver.cuMemFree(address))

    def upload(self, address: int, array: npt.NDArray[Any]) -> None:
        """Copy an array there."""
        array = np.ascontiguousarray(array)
        self.wait()
        _check(driver.cuMemcpyHtoD(address, array.ctypes.data, array.nbytes))

    def download(self, array: npt.NDArray[Any], address: int) -> None:
        """Copy from there into an array, after all that was asked for."""
        self.wait()
        _check(driver.cuMemcpyDtoH(array.ctypes.data, address, array.nbytes))

    def launch(self, function: Any, blocks: int, replicas: int, args: Args) -> None:
        """Call a function in `blocks` blocks of threads for each replica."""
        parameters = (ctypes.c_void_p * 1)(ctypes.addressof(args))
        _check(
            driver.cuLaunchKernel(
                function, blocks, replicas, 1, BLOCK, 1, 1, 0, self._stream,
                ctypes.addressof(parameters), 0,
            )
        )  # fmt: skip

    def enter(self) -> None:
        """Make the card that of the calling thread."""
        _check(driver.cuCtxSetCurrent(self._context))

    def record(self, calls: Sequence[tuple[Any, int, int, Args]]) -> _Graph:
        """The same calls, to be done again and again."""
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        _check(driver.cuStreamBeginCapture(self._stream, mode))
        for call in calls:
            self.launch(*call)
        graph = _check(driver.cuStreamEndCapture(self._stream))
        return _Graph(_check(driver.cuGraphInstantiate(graph, 0)), self._stream)

    def seconds(self, work: Callable[[], object]) -> float:
        """How long the card takes for what `work` asks of it."""
        self.wait()
        first, last = (_check(driver.cuEventCreate(0)) for _ in range(2))
        _check(driver.cuEventRecord(first, self._stream))
        work()
        _check(driver.cuEventRecord(last, self._stream))
        _check(driver.cuEventSynchronize(last))
        return float(_check(driver.cuEventElapsedTime(first, last))) / 1000

    def wait(self) -> None:
        """Until all that was asked for is done."""
        _check(driver.cuStreamSynchronize(self._stream))


class _Graph:
    def __init__(self, executable: Any, stream: Any) -> None:
        self._executable, self._stream = executable, stream

    def replay(self) -> None:
        _check(driver.cuGraphLaunch(self._executable, self._stream))


def cached(source: str, architecture: str, folder: Path | None) -> bytes:
    """As :func:`compiled`, from `folder` where it was compiled before: it takes seconds."""
    if folder is None:
        return compiled(source, architecture)
    version = ".".join(str(part) for part in _check(nvrtc.nvrtcVersion()))
    known = "\0".join([source, architecture, version, *_OPTIONS])
    path = folder / f"{hashlib.sha256(known.encode()).hexdigest()[:32]}.cubin"
    if path.exists():
        return path.read_bytes()
    code = compiled(source, architecture)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_bytes(code)
    scratch.replace(path)
    return code


def compiled(source: str, architecture: str, *more: str) -> bytes:
    """The machine code of `source` for an architecture such as "sm_90".

    Raises:
        TrainingError: it does not compile.
    """
    program = _check(nvrtc.nvrtcCreateProgram(source.encode(), b"kernels.cu", 0, [], []))
    options = [f"--gpu-architecture={architecture}", *_OPTIONS, *more]
    error, *_ = nvrtc.nvrtcCompileProgram(program, len(options), [o.encode() for o in options])
    log = b" " * _check(nvrtc.nvrtcGetProgramLogSize(program))
    _check(nvrtc.nvrtcGetProgramLog(program, log))
    if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise TrainingError(f"kernels.cu for {architecture}: {log.decode().strip()}")
    if more:
        print(log.decode())
    code = b" " * _check(nvrtc.nvrtcGetCUBINSize(program))
    _check(nvrtc.nvrtcGetCUBIN(program, code))
    return code


def _check(result: tuple[Any, ...]) -> Any:
    """What a call of the driver gave.

    Raises:
        TrainingError: it failed.
    """
    error, *values = result
    if int(error) != 0:
        raise TrainingError(f"CUDA: {error.name if hasattr(error, 'name') else error}")
    return values[0] if len(values) == 1 else tuple(values)
