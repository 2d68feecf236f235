"""What this machine is, and which level of determinism it reaches, found out by trying."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

from repro.data.dataset import default_folder
from repro.data.sources import is_verified
from repro.determinism import Level, guarantee
from repro.errors import ReproError, escape, listed, sentence, told_by
from repro.execution import golden
from repro.execution.devices import default_workers, has_cuda
from repro.execution.messages import FirstSteps
from repro.execution.processes import run_first_steps
from repro.spec import Device, Engine, Recipe, RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a device gives by an engine. `got` is None where it cannot train at all."""

    device: Device
    engine: Engine
    guaranteed: Level
    got: Level | None
    why: str
    first_steps: FirstSteps | None

    @property
    def reaches_its_level(self) -> bool:
        return self.got is not None and self.got >= self.guaranteed


def examine(device: Device, engine: Engine, home: Path) -> Diagnosis:
    """Do the first steps of every model in two processes, and compare their bits."""
    spec = RunSpec(
        recipe=Recipe(architecture="net"),
        seed=0,
        device="cpu" if engine == "kernels" else device,
        engine=engine,
        dataset="synthetic",
    )
    guaranteed = guarantee(spec.device, engine, platform.machine()).level
    first: FirstSteps | None = None
    try:
        with ThreadPoolExecutor(max_workers=2) as pool:
            first, second = pool.map(lambda _: run_first_steps(spec, device, home), range(2))
    except ReproError as error:
        got, why = None, told_by(error)
    else:
        got, why = judge(spec, first, second)
    return Diagnosis(
        device=device, engine=engine, guaranteed=guaranteed, got=got, why=why, first_steps=first
    )


def judge(spec: RunSpec, first: FirstSteps, second: FirstSteps) -> tuple[Level, str]:
    """The level that two tries of `spec` show, and why it is that."""
    guaranteed = guarantee(spec.device, spec.engine, platform.machine())
    differing = [name for name in first.digests if first.digests[name] != second.digests[name]]
    if differing:
        return "L0", sentence(
            "two processes gave different bits for {names}", names=listed(differing)
        )
    if guaranteed.level not in {"L3", "L4"}:
        return guaranteed.level, sentence(
            "{text}; two processes gave the same bits for all {count} models",
            text=guaranteed.text,
            count=len(first.digests),
        )
    known: Mapping[str, str] | None = golden.KERNELS
    what: str = sentence("the kernels")
    if spec.engine == "torch":
        version = (first.environment.torch or "").partition("+")[0]
        known, what = golden.TORCH.get(version), f"torch {version}"
    if known is None:
        return "L1", sentence(
            "two processes gave the same bits; there are none to compare with for {what}, "
            "only for {names}",
            what=what,
            names=listed(golden.TORCH),
        )
    differing = [name for name in known if known[name] != first.digests[name]]
    if differing:
        return "L1", sentence(
            "the first steps of {names} have other bits than {what} give{s} on other CPUs: "
            "please report it with the output of `repro doctor --format json`",
            names=listed(differing),
            what=what,
            s="s" * (spec.engine == "torch"),
        )
    return (
        guaranteed.level,
        sentence(
            "the first steps of {count} models have the bits that they have everywhere",
            count=len(known),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What a person would be asked for in a report of a problem."""

    facts: Mapping[str, str]
    diagnoses: Sequence[Diagnosis]

    @property
    def every_device_trains(self) -> bool:
        return all(each.got is not None for each in self.diagnoses)

    @property
    def every_device_reaches_its_level(self) -> bool:
        return all(each.reaches_its_level for each in self.diagnoses)

    def to_json(self) -> str:
        """Everything, with the digests of the first steps."""
        facts = {name: escape(value) for name, value in self.facts.items()}
        levels = [
            {
                "device": each.device, "engine": each.engine, "promised": each.guaranteed,
                "got": each.got, "why": str(each.why), "rehearsed": each.first_steps,
            }
            for each in self.diagnoses
        ]  # fmt: skip
        fields = {"facts": facts, "levels": levels}
        return msgspec.json.format(msgspec.json.encode(fields), indent=1).decode()


def check_up(home: Path) -> Checkup:
    """Look at this machine, and do the first steps of every model on each device by each engine."""
    diagnoses = [examine("cpu", "kernels", home)]
    if has_cuda():
        diagnoses.append(examine("cuda", "kernels", home))
    if find_spec("torch"):
        diagnoses.append(examine("cpu", "torch", home))
    return Checkup(facts=_facts(home, diagnoses), diagnoses=diagnoses)


def _facts(home: Path, diagnoses: Sequence[Diagnosis]) -> dict[str, str]:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    facts = {
        "system": platform.platform(),
        "cores": sentence("{count} that this process may use", count=default_workers("cpu")),
        "python": platform.python_version(),
        "home": sentence(
            "{home} ({free:.0f} GB free)", home=home, free=shutil.disk_usage(there).free / 1e9
        )
        if os.access(there, os.W_OK)
        else sentence("{home} (cannot be written: choose another place by REPRO_HOME)", home=home),
        "data set": sentence("already downloaded and verified")
        if is_verified(default_folder(home))
        else sentence("missing or damaged: `repro data fetch` gets it"),
    }
    for steps in (each.first_steps for each in diagnoses if each.first_steps):
        seen = steps.environment.to_dict()
        facts |= {name: value for name, value in seen.items() if value and name != "python"}
    return facts
