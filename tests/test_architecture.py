"""Holds the design's import table to the code."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from repro.kernels.build import this_target

ROOT = Path(__file__).parent.parent

# What each module may import of ours, wherever in the module it does so.
ALLOWED = {
    # the top
    "__init__": {"notebook"},
    "__main__": {"paths"},
    "activations": set(),
    "audit": {
        "data.dataset",
        "data.layout",
        "errors",
        "evaluation",
        "events",
        "records",
        "runner",
        "store",
    },
    "batch_norm": {
        "checkpoints",
        "data.dataset",
        "errors",
        "files",
        "kernel_training",
        "records",
        "store",
    },
    "bench": {"errors", "files", "machine", "profiles", "runner", "spec"},
    "calibration": {"errors", "files"},
    "checkpoints": {"digests", "errors", "files", "history", "records", "spec", "store"},
    "claims": {"errors", "records", "spec", "verdicts"},
    "cluster": {"errors", "events", "node", "parcels", "spec", "store"},
    "comparison": {"errors", "records", "spec", "store"},
    "contestants": {
        "data.dataset",
        "data.folders",
        "data.layout",
        "evaluation",
        "history",
        "kernel_training",
        "models",
        "spec",
        "streams",
        "training",
    },
    "cuda_training": {
        "data.dataset",
        "digests",
        "errors",
        "history",
        "kernel_training",
        "kernels.cuda.group",
        "kernels.networks",
        "spec",
        "streams",
    },
    "dead_units": {"data.layout", "models", "spec", "training"},
    "digests": set(),
    "doctor": {
        "data.dataset",
        "data.sources",
        "errors",
        "events",
        "golden",
        "profiles",
        "runner",
        "spec",
    },
    "errors": set(),
    "evaluation": {"data.layout", "errors", "files"},
    "events": {"records", "spec"},
    "evidence": {
        "calibration",
        "claims",
        "data.dataset",
        "data.layout",
        "errors",
        "paths",
        "patterns",
        "records",
        "spec",
        "store",
        "verdicts",
    },
    "files": {"errors"},
    "golden": set(),
    "history": {"data.layout", "digests", "errors", "records", "spec"},
    "kernel_training": {
        "data.dataset",
        "digests",
        "errors",
        "history",
        "kernels.binding",
        "kernels.library",
        "kernels.networks",
        "records",
        "spec",
        "streams",
    },
    "listings": {
        "audit",
        "data.dataset",
        "data.layout",
        "doctor",
        "figures.registry",
        "figures.style",
        "progress",
        "recipes",
        "records",
        "spec",
        "verdicts",
        "verify",
    },
    "machine": set(),
    "models": {"activations", "errors", "spec", "streams"},
    "networks": set(),
    "node": {
        "data.dataset",
        "data.sources",
        "errors",
        "events",
        "parcels",
        "paths",
        "runner",
        "store",
    },
    "notebook": {
        "errors",
        "paths",
        "records",
        "reports",
        "session",
        "spec",
        "stores",
        "tables",
        "verdicts",
    },
    "optimisers": {"spec"},
    "page": {
        "claims",
        "data.layout",
        "errors",
        "evidence",
        "figures.registry",
        "figures.style",
        "figures.words",
        "files",
        "recipes",
        "records",
        "spec",
        "tables",
        "verdicts",
    },
    "parcels": {"errors", "files", "records", "spec", "store"},
    "paths": {"errors"},
    "patterns": {"records", "spec", "verdicts"},
    "profiles": {"errors", "spec"},
    "progress": {"events", "records", "runner"},
    "recipes": {"records", "spec", "verdicts"},
    "records": {"errors", "profiles", "spec"},
    "reports": {"errors", "files", "spec", "verdicts"},
    "runner": {"errors", "events", "profiles", "spec"},
    "search": {"recipes", "spec"},
    "session": {
        "audit",
        "batch_norm",
        "bench",
        "calibration",
        "cluster",
        "comparison",
        "data.dataset",
        "data.folders",
        "data.sources",
        "doctor",
        "errors",
        "events",
        "evidence",
        "figures.registry",
        "figures.style",
        "files",
        "paths",
        "profiles",
        "progress",
        "recipes",
        "records",
        "reports",
        "runner",
        "search",
        "spec",
        "store",
        "stores",
        "streams",
        "tables",
        "verdicts",
        "verify",
    },
    "spec": set(),
    "store": {"errors", "files", "records", "spec"},
    "stores": {
        "errors",
        "evidence",
        "paths",
        "recipes",
        "records",
        "runner",
        "spec",
        "store",
        "verdicts",
        "verify",
    },
    "streams": {"spec"},
    "tables": {"claims", "patterns", "spec", "verdicts"},
    "training": {
        "data.dataset",
        "data.layout",
        "digests",
        "errors",
        "history",
        "models",
        "optimisers",
        "profiles",
        "records",
        "spec",
        "streams",
    },
    "verdicts": {"errors", "files", "records", "spec"},
    "verify": {"claims", "errors", "files", "records", "spec", "verdicts"},
    "worker": {
        "checkpoints",
        "cuda_training",
        "data.dataset",
        "errors",
        "events",
        "history",
        "kernel_training",
        "kernels.cuda.gpu",
        "kernels.cuda.group",
        "kernels.library",
        "machine",
        "records",
        "spec",
        "store",
        "training",
    },
    # data
    "data.__init__": set(),
    "data.archives": {"data.layout", "data.pickles", "data.png", "errors"},
    "data.dataset": {"data.jpeg", "data.layout", "data.mapped", "errors", "spec"},
    "data.download": {"errors", "files"},
    "data.folders": {"data.dataset", "data.layout", "data.png", "errors", "evaluation", "files"},
    "data.jpeg": {"data.layout"},
    "data.layout": {"errors"},
    "data.mapped": {"data.layout", "errors", "files"},
    "data.pickles": {"data.layout", "errors"},
    "data.png": {"data.layout"},
    "data.sources": {
        "data.archives",
        "data.dataset",
        "data.download",
        "data.layout",
        "errors",
        "files",
    },
    # kernels
    "kernels.__init__": set(),
    "kernels.binding": {"kernels.networks", "spec", "streams"},
    "kernels.build": set(),
    "kernels.cuda.__init__": set(),
    "kernels.cuda.gpu": {"errors", "kernels.cuda.group", "kernels.cuda.plan"},
    "kernels.cuda.group": {"errors", "kernels.cuda.plan", "kernels.networks", "spec"},
    "kernels.cuda.plan": {"kernels.networks", "streams"},
    "kernels.library": {"errors", "kernels.binding", "kernels.build"},
    "kernels.networks": {"spec"},
    # export
    "export.__init__": set(),
    "export.crate": {
        "data.layout",
        "data.sources",
        "errors",
        "evidence",
        "export.folder",
        "export.weights",
        "files",
        "paths",
        "records",
        "store",
        "tables",
        "verify",
    },
    "export.folder": {"errors", "files"},
    "export.weights": {
        "data.layout",
        "digests",
        "errors",
        "export.folder",
        "files",
        "profiles",
        "records",
        "spec",
        "store",
    },
    # figures
    "figures.__init__": set(),
    "figures.explained": {"data.layout", "evidence", "figures.style", "networks"},
    "figures.fonts.__init__": set(),
    "figures.fonts.make": {"figures.registry", "figures.style", "figures.words"},
    "figures.measured": {
        "calibration",
        "claims",
        "data.layout",
        "evidence",
        "figures.style",
        "records",
        "spec",
        "verdicts",
    },
    "figures.registry": {
        "errors",
        "evidence",
        "figures.explained",
        "figures.measured",
        "figures.style",
    },
    "figures.style": {"figures.words"},
    "figures.words": set(),
}
COMPUTE_HALF = {
    "activations",
    "contestants",
    "models",
    "optimisers",
    "training",
    "worker",
    "dead_units",
}
EVIDENCE_HALF = {
    "verdicts", "calibration", "claims", "comparison", "evidence", "export.crate", "export.folder", "export.weights",
    "figures.explained", "figures.measured", "figures.registry", "figures.style", "notebook", "page", "recipes", "stores", "verify", "tables", "progress", "runner",
    "audit", "bench", "doctor", "listings", "session", "parcels", "node", "cluster", "reports",
}  # fmt: skip


def modules():
    for path in sorted((ROOT / "repro").rglob("*.py")):
        yield (
            ".".join(path.relative_to(ROOT / "repro").with_suffix("").parts),
            ast.parse(path.read_text()),
        )


def imports(tree):
    """Dotted names that a module imports, those of ours without the leading `repro.`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree):
    names = set(ALLOWED)
    for name in imports(tree):
        if name.split(".")[0] == "repro":
            parts = name.split(".")[1:]
            candidates = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
            found = next((c for c in candidates if c in names), None)
            if found:
                yield found


def test_every_module_imports_only_what_the_table_allows():
    found = {name: set(ours(tree)) - {"__init__"} for name, tree in modules()}
    assert found.keys() == ALLOWED.keys()
    assert {n: found[n] - ALLOWED[n] for n in found if found[n] - ALLOWED[n]} == {}


def test_the_table_allows_nothing_that_is_not_used_and_has_no_cycle():
    found = {name: set(ours(tree)) for name, tree in modules()}
    assert {n: ALLOWED[n] - found[n] for n in ALLOWED if ALLOWED[n] - found[n]} == {}
    settled: set[str] = set()
    while rest := ALLOWED.keys() - settled:
        ready = {name for name in rest if ALLOWED[name] <= settled}
        assert ready, f"a cycle among {rest}"
        settled |= ready


def test_only_the_compute_half_imports_torch():
    with_torch = {
        name for name, tree in modules()
        if any(each.split(".")[0] in {"torch", "torchvision"} for each in imports(tree))
    }  # fmt: skip
    assert with_torch == COMPUTE_HALF
    assert not {each for name in EVIDENCE_HALF for each in ALLOWED[name]} & COMPUTE_HALF


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], ["torch", "pandas", "scipy", "numpy", "msgspec"]),
        (["table", "--help"], ["torch", "pandas", "scipy", "numpy", "msgspec"]),
        (["table", "all", "--recorded"], ["torch", "pandas"]),
        (["runs"], ["torch", "pandas", "scipy"]),
    ],
)
def test_the_command_line_imports_what_it_needs_and_no_more(
    arguments, absent, tmp_path, monkeypatch
):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    code = (
        "import sys; from repro.__main__ import load_cli\n"
        f"try: load_cli().app({arguments!r})\n"
        f"except SystemExit: assert not set({absent!r}) & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    for target in ("wheel", "sdist"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_wheel_is_quick_to_download(built):
    assert next(built.glob("*.whl")).stat().st_size < 8_000_000


def test_the_wheel_carries_the_evidence_inside_the_package(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    wanted = {"cli.py", "py.typed", "expected_results/table-3-1.csv", "results/store.json"}
    assert {"LICENSE", "NOTICE"} <= {name.rpartition("licenses/")[2] for name in names}
    if target := this_target():
        wanted |= {f"kernels/{target.file_name(build)}" for build in target.builds}
    assert names >= {f"repro/{name}" for name in wanted}
    assert any(name.startswith("repro/results/runs/net-relu-seed0") for name in names)


def test_the_wheel_works_without_the_checkout_and_brings_no_module_cli(built, tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    wheel = next(built.glob("*.whl"))
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    assert {path.name for path in site.iterdir()} - {"bin"} == {
        "repro",
        "-".join(wheel.name.split("-")[:2]) + ".dist-info",
    }
    done = subprocess.run(
        [sys.executable, "-m", "repro", "table", "3-1", "--recorded", "--format", "json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site), "REPRO_HOME": str(tmp_path / "h")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)[0]["cell"] == "net-relu@10", done.stderr
    where = subprocess.run(
        [sys.executable, "-c", "import repro; print(repro.__file__)"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(site))


def test_the_source_archive_can_be_built_from_and_tested(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "cli.py",
        "hatch_build.py",
        "noxfile.py",
        "pyproject.toml",
        "tests/conftest.py",
        "constraints/pins.txt",
        "repro/kernels/c/kernels.c",
    } <= names
    assert not any(name.startswith("repro/kernels/kernels-") for name in names)
    assert any(name.startswith("results/runs/") for name in names)
