"""The evidence as a Workflow Run RO-Crate: files, and JSON-LD that says how each came to be.

RO-Crate 1.1, on which the profile `Workflow Run Crate 0.5` stands. Nothing is put in that no record
says: the runs have no clock times, so there are none, and no address of the project, which has none
that is public.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import repro
from repro.data.layout import CHECKSUMS
from repro.data.sources import OFFICIAL
from repro.errors import UsageError, sentence
from repro.files import disk_errors, read_regular
from repro.paths import packaged
from repro.reporting.cell_tables import cells_to_text
from repro.reporting.claim_tables import claims_to_text
from repro.reporting.export.crate_description import Description
from repro.reporting.export.folder import render, whole_folder
from repro.runs.checkpoints import read_weights
from repro.runs.records import RunRecord, dump
from repro.runs.store import LAYOUT_VERSION, Store
from repro.verdicts.evidence import Evidence
from repro.verdicts.expected_list import accept, load_listing


def export_crate(
    evidence: Evidence,
    folder: Path,
    *,
    published: date,
    author: str | None = None,
    page: Callable[[], str] | None = None,
) -> None:
    """Write the runs of `evidence`, what they say of the report, and the crate's JSON-LD.

    `page` makes the HTML page, if it is to go in; `author` is who trained the runs, if that is
    known. The same evidence, date, author and page give the same bytes. The folder is a run store.

    Raises:
        UsageError: rocrate is not installed, or `folder` is not empty.
        NoRunsError: there are no runs.
        EvidenceError: predictions or a checkpoint that are not the record's.
        DiskError: the file system refuses.
    """
    try:
        import rocrate.rocrate  # noqa: F401, PLC0415 - an optional extra
    except ImportError:
        raise UsageError(
            sentence(
                "export rocrate needs the package rocrate: in a clone of repro, `pip "
                "install -c constraints/pins.txt '.[rocrate]'`"
            )
        ) from None
    if evidence.no_runs:
        raise evidence.no_runs
    records = sorted(evidence.records, key=lambda record: record.spec.name)
    with whole_folder(folder) as beside:
        files = {each.spec.name: copy_run(evidence.store, each, beside) for each in records}
        _copy_the_rest(evidence, beside, page)
        text = _readme(evidence, records, files, beside)
        (beside / "README.md").write_bytes(text.encode())
        Description.of(beside, records, files, published, author).write()


def copy_run(store: Store, record: RunRecord, folder: Path) -> dict[str, list[Path]]:
    """Copy what a run left to a folder, once it is held to the record; by kind, the copies.

    Raises:
        EvidenceError: predictions or a checkpoint that are not the record's.
        DiskError: the file system refuses.
    """
    place = Store(folder).folder(record.spec)
    store.predictions(record)
    predictions = read_regular(store.folder(record.spec) / "predictions.safetensors")
    kept = [store.checkpoint(record.spec, e) for e in store.checkpoint_epochs(record.spec)]
    for path in kept:
        read_weights(path, record)
    with disk_errors(place):
        place.mkdir(parents=True)
        (place / "record.json").write_bytes(dump(record))
        (place / "predictions.safetensors").write_bytes(predictions)
        for path in kept:
            shutil.copyfile(path, place / path.name)
    return {
        "record": [place / "record.json"],
        "predictions": [place / "predictions.safetensors"],
        "checkpoint": [place / path.name for path in kept],
    }


def _copy_the_rest(evidence: Evidence, folder: Path, page: Callable[[], str] | None) -> None:
    listed = (evidence.store.root / "verdicts.csv").exists()
    before = load_listing(evidence.store.root) if listed else None
    accept(folder, evidence.verdicts, evidence.judgements, before)
    if evidence.calibration_path.exists():
        data = read_regular(evidence.calibration_path)
        (folder / "calibration.csv").write_bytes(data)
    marker = json.dumps({"version": LAYOUT_VERSION}) + "\n"
    (folder / "store.json").write_bytes(marker.encode())
    shutil.copyfile(packaged("cli.py"), folder / "cli.py")
    if page is not None:
        (folder / "index.html").write_bytes(page().encode())


def _readme(
    evidence: Evidence,
    records: Sequence[RunRecord],
    files: dict[str, dict[str, list[Path]]],
    folder: Path,
) -> str:
    return render(
        "crate-readme.md.j2",
        table=cells_to_text(evidence.verdicts, "md", "en"),
        claims=claims_to_text(evidence.judgements, "md"),
        runs=[(record, len(files[record.spec.name]["checkpoint"])) for record in records],
        files={path.name for path in folder.iterdir()},
        environments=[
            {name: value for name, value in dataclasses.asdict(each).items() if value is not None}
            for each in dict.fromkeys(record.environment for record in records)
        ],
        checksums=CHECKSUMS,
        url=OFFICIAL,
        version=repro.__version__,
    )
