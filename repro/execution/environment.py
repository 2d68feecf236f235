"""What a run's bits depend on besides its spec: this process's versions and hardware."""

from __future__ import annotations

import dataclasses
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

import repro
from repro.errors import sentence
from repro.kernels import library
from repro.runs.environments import Environment, same_arithmetic
from repro.spec import RunSpec


def describe_environment(spec: RunSpec, card: str | None = None) -> Environment:
    """Versions and hardware of this process; `card` is the GPU, if one computes the kernels."""
    here = Environment(
        repro=repro.__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        platform=f"{platform.system()}-{platform.machine()}",
        processor=processor(),
    )
    if spec.engine == "kernels":
        built = card or library.variant()
        return dataclasses.replace(here, kernels=f"{library.version()}, {built}")
    import torch  # noqa: PLC0415 - only for its engine

    accelerator = None
    if spec.device == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        accelerator = f"{torch.cuda.get_device_name()}, cuDNN {cudnn}"
    return dataclasses.replace(
        here,
        torch=str(torch.__version__),
        torchvision=version("torchvision"),
        accelerator=accelerator,
    )


def explain_difference(begun: Environment, here: Environment, spec: RunSpec) -> str | None:
    """Why a run that was begun elsewhere has other bits here, or None where it has the same."""
    if same_arithmetic(begun, here, spec):
        return None
    one, other = dataclasses.asdict(begun), dataclasses.asdict(here)
    differing = [name for name in one if one[name] != other[name] and name != "python"]
    then, now = (", ".join(f"{name} {each[name]}" for name in differing) for each in (one, other))
    return sentence("it was begun with {then}; this is {now}", then=then, now=now)


def processor() -> str:
    """Name the processor as the system does, with family and model number where it gives them."""
    try:
        lines = (
            Path("/proc/cpuinfo").read_text("utf-8", "replace").partition("\n\n")[0].splitlines()
        )
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines)
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    name = fields.get("model name", platform.machine())
    if "cpu family" in fields:
        name += f" (family {fields['cpu family']}, model {fields.get('model', '?')})"
    return name
