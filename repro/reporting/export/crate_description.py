"""The description of an RO-Crate: people, workflow, data and runs, and how they belong together."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import repro
from repro.data.layout import CHECKSUMS, FILE_BYTES
from repro.data.sources import OFFICIAL
from repro.runs.environments import Environment
from repro.runs.records import RunRecord

_FORMATS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".safetensors": "application/octet-stream",
}

LICENCE = "https://spdx.org/licenses/MIT"


CONTRIBUTORS = "the repro contributors"
"""Who trained the recorded runs, as CITATION.cff names them."""


_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}


_BIOSCHEMAS = "https://bioschemas.org/profiles"


# By name: type, what it is, and what `repro train` takes for it unless told.
INPUTS: dict[str, tuple[str, str, str | int | None]] = {
    "architecture": ("Text", "Which network: net, improved or resnet.", None),
    "activation": ("Text", "Activation of net and improved.", "relu"),
    "seed": ("Integer", "Seed of all random streams.", 0),
    "epochs": ("Integer", "Passes over the training images.", 10),
    "device": ("Text", "Where it is computed: cpu, cuda or mps.", "auto"),
    "engine": ("Text", "What computes: kernels or torch.", "auto"),
    "dataset": ("Text", "Which images.", "cifar10"),
}


# By name: what it is, and whether every run has it.
OUTPUTS = {
    "record": ("Spec, losses, accuracies, digests and environment.", True),
    "predictions": ("Predicted classes of the test images at each reading.", True),
    "checkpoint": ("Weights, optimiser and history after an epoch.", False),
}


_WHERE_SOFTWARE_IS = {
    "python": "https://www.python.org/",
    "torch": "https://pypi.org/project/torch/",
    "torchvision": "https://pypi.org/project/torchvision/",
    "numpy": "https://pypi.org/project/numpy/",
}


def one_or_many(values: Sequence[Any]) -> Any:
    """RO-Crate recommends a value by itself instead of a list of one."""
    return values[0] if len(values) == 1 else list(values)


@dataclass
class Description:
    """The JSON-LD of the files that lie in a folder."""

    crate: Any
    folder: Path
    formal: dict[str, Any] = field(default_factory=dict)
    """The workflow's parameters, by name."""
    examples: dict[str, list[Any]] = field(default_factory=dict)
    """What stood in their places, each once."""

    @classmethod
    def of(
        cls,
        folder: Path,
        records: Sequence[RunRecord],
        files: dict[str, dict[str, list[Path]]],
        published: date,
        author: str | None,
    ) -> Description:
        from rocrate.rocrate import ROCrate  # noqa: PLC0415 - an optional extra

        self = cls(ROCrate(version="1.1"), folder)
        # No term of RO-Crate 1.1; defined here, it needs no second context from the network.
        self.crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
        who = self._author(author)
        self._describe_root(published, who)
        workflow = self._workflow()
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name != "cli.py":
                entity = self.file(path, path.name)
                if path.name == "README.md":
                    entity["about"] = self.crate.root_dataset
        data = self._cifar10()
        actions = []
        for record in records:
            action = self._action(record, files[record.spec.name], data)
            action["instrument"] = [workflow, self._environment(record.environment)]
            if who is not None:
                action["agent"] = who
            actions.append(action)
        self.crate.root_dataset["mentions"] = one_or_many(actions)
        for name, found in self.examples.items():
            if found:
                self.formal[name]["workExample"] = one_or_many(found)
        return self

    def write(self) -> None:
        """Write `ro-crate-metadata.json`; the other files are where they belong already."""
        self.crate.write(self.folder)

    def entity(self, identifier: str, kind: str | list[str], **properties: Any) -> Any:
        """The contextual entity called `identifier`, which is made where there is none yet."""
        from rocrate.model.contextentity import ContextEntity  # noqa: PLC0415

        known = self.crate.get(identifier)
        if known is not None:
            return known
        return self.crate.add(
            ContextEntity(self.crate, identifier, properties={"@type": kind, **properties})
        )

    def file(self, path: Path, name: str) -> Any:
        return self.crate.add_file(
            path,
            path.relative_to(self.folder).as_posix(),
            record_size=True,
            properties=about(path, name),
        )

    def example(self, name: str, entity: Any) -> Any:
        """Note that `entity` stood in the place of the parameter `name`."""
        if entity not in self.examples[name]:
            self.examples[name].append(entity)
            entity["exampleOfWork"] = self.formal[name]
        return entity

    def _author(self, name: str | None) -> Any:
        if name is None:
            return None
        return self.entity(
            "#author", "Organization" if name == CONTRIBUTORS else "Person", name=name
        )

    def _describe_root(self, published: date, author: Any) -> None:
        root = self.crate.root_dataset
        root["name"] = "repro: the tables of a 2023 technical report on CIFAR-10, trained again"
        root["description"] = (
            "Training runs, their records and predictions, and what they say of each figure and "
            "sentence of a technical report of December 2023 on image classification with CIFAR-10 "
            "(Beijing University of Chemical Technology)."
        )
        root["datePublished"] = published.isoformat()
        root["license"] = self.entity(
            LICENCE, "CreativeWork", name="MIT License", url=LICENCE,
            description="A short permissive licence.",
        )  # fmt: skip
        if author is not None:
            root["author"] = author
            if author["@type"] == "Organization":  # a person who trained publishes nothing by that
                root["publisher"] = author
        root["conformsTo"] = [
            self.entity(address, ["CreativeWork", "Profile"], name=name, version=version)
            for address, (name, version) in _PROFILES.items()
        ]

    def _workflow(self) -> Any:
        from rocrate.model.computerlanguage import ComputerLanguage  # noqa: PLC0415

        address = _WHERE_SOFTWARE_IS["python"]
        python = ComputerLanguage(
            self.crate, address,
            properties={"name": "Python", "url": address, "version": "3.10 to 3.13"},
        )  # fmt: skip
        path = self.folder / "cli.py"
        workflow = self.crate.add_workflow(
            path, "cli.py", main=True, lang=self.crate.add(python), record_size=True,
            properties={
                **about(path, "repro"),
                "version": repro.__version__,
                "description": "The command line of the package repro when this was exported; "
                "`repro train` trains a run of the report's tables.",
                "license": {"@id": LICENCE},
                "conformsTo": {"@id": f"{_BIOSCHEMAS}/ComputationalWorkflow/1.0-RELEASE"},
            },
        )  # fmt: skip
        for name, (kind, text, default) in INPUTS.items():
            more = {} if default is None else {"defaultValue": str(default)}
            self._parameter(name, kind, text, required=default is None, **more)
        for name, (text, required) in OUTPUTS.items():
            self._parameter(name, "File", text, required=required)
        workflow["input"] = [self.formal[name] for name in INPUTS]
        workflow["output"] = [self.formal[name] for name in OUTPUTS]
        return workflow

    def _parameter(self, name: str, kind: str, text: str, *, required: bool, **more: str) -> None:
        self.examples[name] = []
        self.formal[name] = self.entity(
            f"#parameter-{name}", "FormalParameter", name=name, additionalType=kind,
            description=text, valueRequired=required,
            conformsTo={"@id": f"{_BIOSCHEMAS}/FormalParameter/1.0-RELEASE"}, **more,
        )  # fmt: skip

    def _cifar10(self) -> Any:
        """The data set, which is not part of the crate: where it is, and its files' checksums."""
        parts = [
            self.entity(
                f"#cifar-10-batches-bin/{name}", "CreativeWork", name=name, sha256=checksum,
                contentSize=str(FILE_BYTES),
            )
            for name, checksum in CHECKSUMS.items()
        ]  # fmt: skip
        return self.entity(
            OFFICIAL, "CreativeWork", name="CIFAR-10, binary version", url=OFFICIAL,
            description="60,000 images in ten classes, by Alex Krizhevsky, Vinod Nair and "
            "Geoffrey Hinton.",
            hasPart=[{"@id": part.id} for part in parts],
        )  # fmt: skip

    def _action(self, record: RunRecord, files: dict[str, list[Path]], data: Any) -> Any:
        spec, name = record.spec, record.spec.name
        values = {
            "architecture": spec.recipe.architecture, "activation": spec.recipe.activation,
            "seed": spec.seed, "epochs": len(record.epochs), "device": spec.device,
            "engine": spec.engine, "dataset": spec.dataset,
        }  # fmt: skip
        objects = [data] + [
            self.example(
                key, self.entity(f"#{key}-{value}", "PropertyValue", name=key, value=value)
            )
            for key, value in values.items()
        ]
        results = [
            self.example(kind, self.file(path, f"{path.stem} of {name}"))
            for kind, paths in files.items()
            for path in paths
        ]
        return self.entity(
            f"#run-{name}", "CreateAction", name=name,
            description=f"Training of {name} to {len(record.epochs)} epochs, "
            f"{record.duration_s:.0f} s of computing.",
            # The profile wants the address as a text, no reference.
            actionStatus="http://schema.org/CompletedActionStatus",
            object=[{"@id": each.id} for each in objects],
            result=one_or_many([{"@id": each.id} for each in results]),
        )  # fmt: skip

    def _environment(self, environment: Environment) -> Any:
        """The versions and the machine of a run, which many runs share."""
        fields = dataclasses.asdict(environment)
        digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
        requirements = [
            self.entity(
                f"{address}#{quote(fields[name], safe='')}", "SoftwareApplication", name=name,
                softwareVersion=fields[name], url=address,
            )
            for name, address in _WHERE_SOFTWARE_IS.items()
            if fields[name] is not None
        ]  # fmt: skip
        machine = [environment.processor, environment.accelerator]
        how = f" by its kernels (version {environment.kernels})" if environment.kernels else ""
        return self.entity(
            f"#environment-{digest[:12]}", "SoftwareApplication", name="repro",
            softwareVersion=environment.repro, operatingSystem=environment.platform,
            softwareRequirements=[{"@id": each.id} for each in requirements],
            description=f"The package as it trained{how}, on {', '.join(filter(None, machine))}.",
        )  # fmt: skip


def about(path: Path, name: str) -> dict[str, str]:
    return {
        "name": name,
        "encodingFormat": _FORMATS[path.suffix],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
