"""Changes to what a run left behind, clumsy or with every seal made anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import safetensors
import safetensors.numpy

from repro.runs.digests import arrays_digest


def sealed(fields: dict) -> bytes:
    """The bytes of a record with these fields and a seal that fits them."""
    body = {name: value for name, value in fields.items() if name != "sha256"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    seal = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps({**body, "sha256": seal}, indent=1) + "\n").encode()


def forge_record(path: Path, change: Callable[[dict], None]) -> None:
    """Change a record as somebody would who knows how it is sealed."""
    fields = json.loads(path.read_bytes())
    change(fields)
    path.write_bytes(sealed(fields))


def forge_checkpoint(
    path: Path,
    change: Callable[[dict], None] = lambda _: None,
    change_tensors: Callable[[dict], None] = lambda _: None,
) -> None:
    """Change the record and the tensors in a checkpoint, and seal both anew."""
    with safetensors.safe_open(path, "np") as file:
        fields = json.loads(file.metadata()["record"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(fields)
    change_tensors(tensors)
    metadata = {"record": sealed(fields).decode(), "sha256": arrays_digest(tensors)}
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


def leaves(value: object, path: tuple = ()) -> list[tuple]:
    """The paths of all single values in a record's JSON."""
    if isinstance(value, dict):
        return [each for key in value for each in leaves(value[key], (*path, key))]
    if isinstance(value, list):
        return [each for n, item in enumerate(value) for each in leaves(item, (*path, n))]
    return [path]


def put(fields: dict, path: tuple, value: object) -> None:
    for key in path[:-1]:
        fields = fields[key]
    fields[path[-1]] = value


def get(fields: dict, path: tuple) -> object:
    for key in path:
        fields = fields[key]
    return fields


def another(value: object) -> object:
    """A value of the same type that differs in one digit, letter or bit."""
    match value:
        case bool():
            return not value
        case None:
            return "x"
        case int():
            return value + 1
        case float():
            return value + 0.0001 if value < 0.5 else value - 0.0001
        case str():
            return ("1" if value[0] != "1" else "2") + value[1:]
    raise TypeError(value)
