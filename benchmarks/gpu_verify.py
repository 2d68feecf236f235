"""Train every table anew on a GPU, and keep what came out of it.

    python -m benchmarks.gpu_verify --seeds 10

It writes the folder gpu-verify/ anew. What a call before has trained is not taken for fresh:

    verdicts.md       what `repro verify --fresh --format md` prints
    exit-code         what it ended with: nox, which calls this, ends with 1 whatever failed
    page/index.html   `repro report` of these runs
    records.tar.gz    their records and predictions; unpacked into a REPRO_HOME, repro reads them
    home/             the REPRO_HOME of all this, with the checkpoints

Exit code: that of `repro verify`; 4 where it holds and the page could not be written. `--device cpu
--table 3-4` tries the script itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from repro.data.dataset import default_folder
from repro.paths import home

FOLDER = Path(__file__).resolve().parent.parent / "gpu-verify"
NOT_RUN = 4


def verify(folder: Path, table: str, options: Sequence[str], device: str) -> int:
    """Train and compare, then write page and records of what there is, whatever the verdicts."""
    shutil.rmtree(folder, ignore_errors=True)
    place = folder / "home"
    place.mkdir(parents=True)
    environment = {**os.environ, "REPRO_HOME": str(place)}
    data = default_folder(home())
    if data.exists():  # copied, with its checksums; not downloaded every night
        environment["REPRO_CIFAR10_SOURCE"] = str(data)

    def repro(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "repro", *args]
        return subprocess.run(
            command, stdout=subprocess.PIPE, encoding="utf-8", env=environment, check=False
        )

    fresh = ("verify", table, "--fresh", "--device", device, "--format", "md", *options)
    done = repro(*fresh)
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode  # as a shell does
    if code == 1 and not done.stdout:
        code = NOT_RUN  # a traceback ends with 1 too, and has compared nothing
    text = done.stdout or f"`repro {' '.join(fresh)}` ended with {code} and compared nothing.\n"
    print(text, flush=True)
    (folder / "verdicts.md").write_text(text, encoding="utf-8")
    (folder / "exit-code").write_text(f"{code}\n")

    store = place / "store"
    if (place / "verify").exists():
        (place / "verify").rename(store)  # the runs become the user's, of whom the page tells
        pack(store, folder / "records.tar.gz")
    page = repro("report", "--device", device, "--out", str(folder / "page"))
    return code or (NOT_RUN if page.returncode else 0)


def pack(store: Path, archive: Path) -> None:
    """Put a store's records and predictions into an archive; checkpoints are much larger."""
    names = ("store.json", "record.json", "predictions.safetensors")
    with tarfile.open(archive, "w:gz") as file:
        for path in sorted(path for name in names for path in store.rglob(name)):
            file.add(path, Path("store") / path.relative_to(store))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--table", default="all")
    parser.add_argument("--epochs", type=int, help="only rows up to so many")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    given = parser.parse_args()
    options = ["--seeds", str(given.seeds)]
    if given.epochs is not None:
        options += ["--epochs", str(given.epochs)]
    return verify(FOLDER, given.table, options, given.device)


if __name__ == "__main__":
    sys.exit(main())
