"""An NVIDIA GPU, by way of its driver and the run-time compiler that torch brings along."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.errors import Sentence, TrainingError, as_json, sentence, told_by
from repro.kernels.cuda.device import OutOfMemoryError
from repro.kernels.cuda.launches import Args
from repro.kernels.cuda.plan import BLOCK

try:
    from cuda.bindings import driver, nvrtc
except ImportError:
    raise TrainingError(
        sentence(
            "the package cuda-bindings is missing, which torch brings along on Linux: "
            "`pip install 'repro[gpu]'`"
        )
    ) from None

_OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true")
"""As IEEE 754 has it: nothing is contracted, denormal numbers are numbers, division and square root
are rounded to nearest."""


_OUT_OF_MEMORY = 2
"""CUDA_ERROR_OUT_OF_MEMORY."""


class Gpu:
    """One card: a :class:`repro.kernels.cuda.device.Device`.

    Raises:
        TrainingError: there is no such card, or its driver cannot be loaded.
    """

    def __init__(self, number: int = 0, *, cache: Path | None = None) -> None:
        self._cache = cache
        try:
            _check(driver.cuInit(0))
            self._device = _check(driver.cuDeviceGet(number))
        except (RuntimeError, OSError):  # its library is not there
            raise TrainingError(
                sentence(
                    "NVIDIA's driver cannot be loaded; `nvidia-smi` shows whether it is installed"
                )
            ) from None
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
        self._modules: dict[str, Any] = {}

    def compile(self, source: str, entries: Sequence[str]) -> Mapping[str, Any]:
        """The functions called `entries`."""
        self.enter()
        module = self._modules.get(source)
        if module is None:
            architecture = f"sm_{self.capability[0]}{self.capability[1]}"
            code = cached(source, architecture, self._cache)
            error, module = driver.cuModuleLoadData(code)
            if int(error) and self._cache:  # what is kept is damaged
                code = compiled(source, architecture)
                module = _check(driver.cuModuleLoadData(code))
                _keep(code, _place(source, architecture, self._cache))
            self._modules[source] = module
        return {name: _check(driver.cuModuleGetFunction(module, name.encode())) for name in entries}

    def allocate(self, size: int) -> int:
        """The address of `size` bytes of zeros.

        Raises:
            OutOfMemoryError: the card has not so many left.
        """
        error, address = driver.cuMemAlloc(max(size, 1))
        if int(error) == _OUT_OF_MEMORY:
            raise OutOfMemoryError(
                sentence(
                    "{name}: expected {needed:.1f} GB of free memory; it has less",
                    name=self.name,
                    needed=size / 1e9,
                )
            )
        _check((error,))
        _check(driver.cuMemsetD8Async(int(address), 0, max(size, 1), self._stream))
        return int(address)

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

    def launch(
        self, function: Any, blocks: int, replicas: int, args: Args | ctypes.c_void_p
    ) -> None:
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
        executable = _check(driver.cuGraphInstantiate(graph, 0))
        _check(driver.cuGraphDestroy(graph))
        return _Graph(executable, self._stream)

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

    def close(self) -> None:
        _check(driver.cuGraphExecDestroy(self._executable))


def cached(source: str, architecture: str, folder: Path | None) -> bytes:
    """As :func:`compiled`, from `folder` where it was compiled before: it takes seconds."""
    if folder is None:
        return compiled(source, architecture)
    path = _place(source, architecture, folder)
    if path.exists():
        return path.read_bytes()
    code = compiled(source, architecture)
    _keep(code, path)
    return code


def _place(source: str, architecture: str, folder: Path) -> Path:
    """Where its machine code is kept."""
    version = ".".join(str(part) for part in _check(nvrtc.nvrtcVersion()))
    known = "\0".join([source, architecture, version, *_OPTIONS])
    return folder / f"{hashlib.sha256(known.encode()).hexdigest()[:32]}.cubin"


def _keep(code: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    scratch.write_bytes(code)
    scratch.replace(path)


def compiled(source: str, architecture: str) -> bytes:
    """The machine code of `source` for an architecture such as "sm_90".

    Raises:
        TrainingError: it does not compile.
    """
    program = _check(nvrtc.nvrtcCreateProgram(source.encode(), b"kernels.cu", 0, [], []))
    options = [f"--gpu-architecture={architecture}", *_OPTIONS]
    error, *_ = nvrtc.nvrtcCompileProgram(program, len(options), [o.encode() for o in options])
    log = b" " * _check(nvrtc.nvrtcGetProgramLogSize(program))
    _check(nvrtc.nvrtcGetProgramLog(program, log))
    if int(error):
        said = log.rstrip(b" \0").decode(errors="replace") or getattr(error, "name", str(error))
        raise TrainingError(
            sentence(
                "the kernels do not compile for {architecture}: {said}",
                architecture=architecture,
                said=said,
            )
        )
    code: bytes = b" " * _check(nvrtc.nvrtcGetCUBINSize(program))
    _check(nvrtc.nvrtcGetCUBIN(program, code))
    return code


def _check(result: tuple[Any, ...]) -> Any:
    """What a call of the driver gave.

    Raises:
        TrainingError: it failed.
    """
    error, *values = result
    if int(error):
        raise TrainingError(
            sentence("the GPU's driver answers {value}", value=getattr(error, "name", error))
        )
    return values[0] if len(values) == 1 else tuple(values)


def main() -> None:
    """Print the number and the name of every card that can be used. Where there is none, ends with
    1 and says why on standard error, and on standard output what a translation needs of it."""
    usable, reason = [], ""
    try:
        _check(driver.cuInit(0))
        count = _check(driver.cuDeviceGetCount())
    except (TrainingError, RuntimeError, OSError):
        count = 1  # which says in its own words that it is not there
    for number in range(max(count, 1)):
        try:
            usable.append(f"{number} {_try(number)}")
        except TrainingError as error:
            reason = reason or told_by(error)
    if not usable:
        if isinstance(reason, Sentence):
            print(json.dumps(as_json(reason)))
        raise SystemExit(reason)
    print("\n".join(usable))


def _try(number: int) -> str:
    """The name of a card for which a function was compiled, and which gave the right result.

    A driver says that a card is there, not that this compiler knows it or that it is free.

    Raises:
        TrainingError: it cannot be used.
    """
    source = 'extern "C" __global__ void add(int *x) { if (threadIdx.x == 0) *x += 41; }'
    gpu = Gpu(number)
    function = gpu.compile(source, ["add"])["add"]
    address = gpu.allocate(4)
    value = np.array([1], np.int32)
    gpu.upload(address, value)
    gpu.launch(function, 1, 1, ctypes.c_void_p(address))
    gpu.download(value, address)
    gpu.free(address)
    if value[0] != 42:
        raise TrainingError(
            sentence("{name}: a sum came out as {value}", name=gpu.name, value=value[0])
        )
    name: str = gpu.name
    return name
