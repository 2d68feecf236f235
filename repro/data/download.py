"""Fetches one URL to one file, going on where an earlier attempt stopped."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import repro
from repro.errors import DataError
from repro.files import disk_errors

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes in all, None where the host does not say."""

_CHUNK = 1 << 16
_SIZE_LIMIT = 1 << 30


def download(
    url: str,
    path: Path,
    *,
    progress: Progress,
    timeout_s: float = 20.0,
    attempts: int = 4,
) -> None:
    """Fetch `url` into `path`, which appears only when it is whole.

    What has come lies in ``<path>.part``; a later call asks for the rest. A host that refuses
    ranges is asked for everything. An attempt that brought bytes does not count against
    `attempts`, but a hundred times as many are enough for any host.

    Raises:
        DataError: the host cannot be reached, refuses, sends a web page, stops sending for
            `timeout_s` in each attempt, or sends over 1 GiB.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise DataError(f"{url}: not an address: {error}") from None
    if scheme not in {"http", "https"}:
        raise DataError(f"{url}: expected an http or https address")
    part = path.with_name(path.name + ".part")
    with disk_errors(part):
        part.parent.mkdir(parents=True, exist_ok=True)
    failures, tries, most, last = 0, 0, _size(part), ""
    while failures < attempts and tries < 100 * attempts:
        tries += 1
        try:
            _fetch_rest(url, part, progress, timeout_s)
        except _Interrupted as error:
            # More than ever before: a host that claims too much brings the same bytes for ever.
            size = _size(part)
            failures, most = (0, size) if size > most else (failures + 1, most)
            last = str(error)
            continue
        with disk_errors(path):
            part.replace(path)
        return
    times = attempts if failures == attempts else tries
    raise DataError(f"{url}: {last} ({times} attempts; {_size(part):,} bytes are kept)")


class _Interrupted(Exception):  # noqa: N818 - not an error yet: another attempt may go on
    """The transfer broke off; what came is kept."""


def _size(part: Path) -> int:
    with disk_errors(part):
        return part.stat().st_size if part.exists() else 0


def _fetch_rest(url: str, part: Path, progress: Progress, timeout_s: float) -> None:
    have = _size(part)
    headers = {"User-Agent": f"repro/{repro.__version__}"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - scheme checked above
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            if "html" in response.headers.get("Content-Type", ""):
                raise DataError(f"{url}: expected an archive; got a web page (HTML)")
            resumed = response.status == 206
            length = response.headers.get("Content-Length")
            total = int(length) + (have if resumed else 0) if length else None
            if (total or 0) > _SIZE_LIMIT:
                raise DataError(f"{url}: expected under {_SIZE_LIMIT:,} bytes; got {total:,}")
            _copy(response, part, have if resumed else 0, total, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the part is not shorter than the whole: begin again
            with disk_errors(part):
                part.write_bytes(b"")
            raise _Interrupted("the host has no such range") from None
        raise DataError(f"{url}: the host answered {error.code} {error.reason}") from None
    except TimeoutError:
        raise _Interrupted(f"nothing came for {timeout_s:g} s") from None
    except urllib.error.URLError as error:
        raise _Interrupted(f"cannot be reached: {error.reason}") from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        # The file's own OSErrors are DiskErrors by now; what is left came from the network.
        raise _Interrupted(f"the transfer broke off: {error!r}") from None


def _copy(
    response: http.client.HTTPResponse,
    part: Path,
    start: int,
    total: int | None,
    progress: Progress,
) -> None:
    done = start
    # Unbuffered, so that a full disk shows at the write that fills it. A broken connection is an
    # OSError like a full disk: only the file's own calls are explained as such.
    with disk_errors(part):
        file = part.open("r+b" if part.exists() else "wb", buffering=0)
    with file:
        with disk_errors(part):
            file.truncate(start)
            file.seek(start)
        while chunk := response.read1(_CHUNK):
            with disk_errors(part):
                file.write(chunk)
            done += len(chunk)
            if done > _SIZE_LIMIT:
                raise DataError(f"{response.url}: expected under {_SIZE_LIMIT:,} bytes")
            progress(done, total)
    if total is not None and done < total:
        raise _Interrupted(f"the transfer broke off at {done:,} of {total:,} bytes")
