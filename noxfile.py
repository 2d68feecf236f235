"""Every check of the project, for a person and for CI alike: `nox -s NAME`; `nox -l` lists them.

All sessions share the environment `.venv` (`crate` has a second one): torch fills gigabytes, and uv
would download another build of it, so it is pip that installs and venv that makes the place.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
from collections import Counter
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]

FAST = "not (bits or cluster or durability or regression or slow or web)"
"""Which tests need neither minutes nor the data set."""

PARALLEL = ("--numprocesses", "auto", "--dist", "worksteal")

ROOT = Path(__file__).parent
LEAST_KILLED = 0.85
GROUPS = ("verdicts", "evaluation", "data", "store")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = "axe-core@4.14.1"
PYTHON = str(ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def install(session: nox.Session, *packages: str) -> None:
    """Make `.venv` where it is missing, and install the project and `packages` as pinned."""
    if not Path(PYTHON).exists():
        session.run(sys.executable, "-m", "venv", str(ROOT / ".venv"))
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--constraint", "constraints/pins.txt"]
    session.run(*pip, "--editable", ".[test]", *packages)


def run(session: nox.Session, module: str, *args: str) -> None:
    """Run a Python module in `.venv`."""
    session.run(PYTHON, "-m", module, *args)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Unit and property tests: no network, no real data."""
    install(session)
    run(session, "pytest", "-m", FAST, *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def slow(session: nox.Session) -> None:
    """The tests of the same kind that train for five seconds or more each."""
    install(session)
    run(session, "pytest", "-m", "slow", *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def bits(session: nox.Session) -> None:
    """The golden bits on this CPU and on emulated CPUs of other makers; needs qemu-user."""
    if not shutil.which("qemu-x86_64"):
        session.error("needs qemu-x86_64: install Debian's qemu-user, or your system's package")
    install(session)
    run(session, "pytest", "-m", "bits", *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def durability(session: nox.Session) -> None:
    """Kills, full disks, two at once: nothing finished is lost; and audits of forged runs."""
    install(session)
    run(session, "pytest", "-m", "durability", *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def regression(session: nox.Session) -> None:
    """Hold recorded and fresh runs on real CIFAR-10 to the report; fetches the data set."""
    install(session)
    run(session, "repro", "data", "fetch")
    run(session, "pytest", "-m", "regression", *session.posargs)


@nox.session(venv_backend="none")
def cluster(session: nox.Session) -> None:
    """Runs on a Ray cluster of several nodes on this machine, one of which is killed."""
    install(session, "ray")
    run(session, "repro", "data", "fetch")
    run(session, "pytest", "-m", "cluster", *session.posargs)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """How fast this machine trains beside other loops; writes benchmarks/README.md anew."""
    install(session, "lightning")
    page = [] if session.posargs else ["--write", "benchmarks/README.md"]
    run(session, "repro", "bench", *page, *session.posargs)


@nox.session(venv_backend="none")
def web(session: nox.Session) -> None:
    """The page in a real browser: its links, its languages, and who can use it."""
    install(session, "playwright")
    if not any(map(shutil.which, BROWSERS)) and shutil.which("apt-get") and os.geteuid() == 0:
        session.run("apt-get", "update", "-qq", external=True)
        packages = ("chromium", "fonts-noto-cjk")
        apt = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")
        session.run(*apt, *packages, external=True, env={"DEBIAN_FRONTEND": "noninteractive"})
    if not any(map(shutil.which, BROWSERS)):
        session.error(f"needs one of {', '.join(BROWSERS)}: install your system's package")
    run(session, "repro", "data", "fetch")
    folder = Path(session.create_tmp())
    if not (folder / "package" / "axe.min.js").exists():
        pack = ("npm", "pack", AXE, "--silent", "--pack-destination", str(folder))
        session.run(*pack, external=True)
        with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
            archive.extract("package/axe.min.js", folder)
    session.env["AXE_CORE"] = str(folder / "package")
    run(session, "pytest", "-m", "web", *session.posargs)


@nox.session(venv_backend="none")
def crate(session: nox.Session) -> None:
    """The recorded evidence as an RO-Crate, held to roc-validator in an environment of its own."""
    install(session)
    folder = Path(session.create_tmp()).absolute()
    validator = folder / "validator" / Path(PYTHON).parent.name / Path(PYTHON).name
    if not validator.exists():
        session.run(sys.executable, "-m", "venv", str(folder / "validator"))
    pip = (str(validator), "-m", "pip", "install", "--quiet")
    session.run(*pip, "--constraint", "constraints/crate.txt", "roc-validator", "rocrate")
    exported = folder / "crate"
    shutil.rmtree(exported, ignore_errors=True)
    run(session, "repro", "export", "rocrate", str(exported), "--recorded")
    session.run(str(validator), "tests/validate_crate.py", str(exported), str(folder))


@nox.session(venv_backend="none")
def gpu(session: nox.Session) -> None:
    """Check and measure the fused trainer on this machine's NVIDIA GPU; writes gpu.json."""
    install(session)
    run(session, "repro", "data", "fetch")
    given = session.posargs or ["--out", "gpu.json"]
    session.run(PYTHON, "benchmarks/gpu.py", *given)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Formatting and static checks."""
    install(session, "ruff")
    run(session, "ruff", "format", "--check", ".")
    run(session, "ruff", "check", ".")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Types, strictly."""
    install(session, "mypy", "pandas-stubs", "scipy-stubs", "types-tabulate")
    run(session, "mypy")


@nox.session(venv_backend="none")
def mutation(session: nox.Session) -> None:
    """Change the code of verdicts, evaluation, data and store, line by line: a test has to fail."""
    install(session, "mutmut")
    if not session.posargs:
        shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    session.env["HYPOTHESIS_PROFILE"] = "mutation"
    run(session, "mutmut", "run", *session.posargs)
    shares = killed_by_group(session)
    low = [group for group, share in shares.items() if share < LEAST_KILLED]
    if not shares or (set(shares) != set(GROUPS) and not session.posargs):
        session.error(f"expected mutants of {', '.join(GROUPS)}; got {', '.join(shares) or 'none'}")
    if low:
        session.error(f"expected {LEAST_KILLED:.0%} killed; fewer in {', '.join(low)}")


def killed_by_group(session: nox.Session) -> dict[str, float]:
    """Share of the mutants tried that made a test fail or hang, by group; logs the counts."""
    outcomes = {0: "survived", 1: "killed", 3: "killed", -24: "hung", 36: "hung"}  # mutmut's codes
    counts: dict[str, Counter[str]] = {}
    for path in sorted((ROOT / "mutants" / "repro").rglob("*.meta")):
        group = path.relative_to(ROOT / "mutants" / "repro").parts[0].removesuffix(".py.meta")
        for code in json.loads(path.read_text())["exit_code_by_key"].values():
            if code is not None or not session.posargs:
                counts.setdefault(group, Counter())[outcomes.get(code, "no verdict")] += 1
    for group, count in counts.items():
        session.log(f"{group}: {count.total()} mutants, {dict(count)}")
    return {
        group: (count["killed"] + count["hung"]) / count.total() for group, count in counts.items()
    }
