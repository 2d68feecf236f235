"""Fetches one URL to one file, going on where an earlier attempt stopped."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

from repro.data.addresses import open_address, printable
from repro.errors import DataError, sentence, told_by
from repro.files import disk_errors, replace

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes in all, None where the host does not say."""

_CHUNK = 1 << 16
_SIZE_LIMIT = 1 << 30

SLOW_S = 5.0
"""Seconds over which a host is measured that has to send fast enough."""

_FOR_GOOD = (socket.gaierror, ConnectionRefusedError, ssl.SSLCertVerificationError)
"""What another attempt would meet again."""


def download(
    url: str,
    path: Path,
    *,
    progress: Progress,
    timeout_s: float = 20.0,
    attempts: int = 4,
    least_rate: float = 0.0,
) -> None:
    """Fetch `url` into `path`, which appears only when it is whole.

    What has come lies in ``<path>.part``; a later call asks for the rest. A host that refuses
    ranges is asked for everything. An attempt that brought bytes does not count against
    `attempts`, but a hundred times as many are enough for any host.

    Raises:
        DataError: the host cannot be reached, refuses, sends a web page, stops sending for
            `timeout_s` in each attempt, sends under `least_rate` bytes a second over
            :data:`SLOW_S` seconds, or over 1 GiB.
    """
    part = path.with_name(path.name + ".part")
    with disk_errors(part):
        part.parent.mkdir(parents=True, exist_ok=True)
    failures, tries, most, last = 0, 0, _size(part), ""
    while failures < attempts and tries < 100 * attempts:
        tries += 1
        try:
            _fetch_rest(url, part, progress, timeout_s, least_rate)
        except _Interrupted as error:
            # More than ever before: a host that claims too much brings the same bytes for ever.
            size = _size(part)
            failures, most = (0, size) if size > most else (failures + 1, most)
            last = told_by(error)
            continue
        with disk_errors(path):
            replace(part, path)
        return
    times = attempts if failures == attempts else tries
    raise DataError(
        sentence(
            "{url}: {last} ({times} attempt{s}; {size:,} bytes are kept)",
            url=printable(url),
            last=last,
            times=times,
            s="s" if times != 1 else "",
            size=_size(part),
        )
    )


class _Interrupted(Exception):  # noqa: N818 - not an error yet: another attempt may go on
    """The transfer broke off; what came is kept."""


def _size(part: Path) -> int:
    with disk_errors(part):
        return part.stat().st_size if part.exists() else 0


def _fetch_rest(
    url: str, part: Path, progress: Progress, timeout_s: float, least_rate: float
) -> None:
    have, shown = _size(part), printable(url)
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with open_address(url, timeout_s=timeout_s, headers=headers) as response:
            if "html" in response.headers.get("Content-Type", ""):
                raise DataError(
                    sentence("{shown}: expected an archive; got a web page (HTML)", shown=shown)
                )
            resumed = response.status == 206
            length = response.headers.get("Content-Length")
            total = int(length) + (have if resumed else 0) if length else None
            if (total or 0) > _SIZE_LIMIT:
                raise DataError(
                    sentence(
                        "{shown}: expected under {limit:,} bytes; got {total:,}",
                        shown=shown,
                        limit=_SIZE_LIMIT,
                        total=total,
                    )
                )
            _copy(response, part, have if resumed else 0, total, progress, least_rate)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the part is not shorter than the whole: begin again
            with disk_errors(part):
                part.write_bytes(b"")
            raise _Interrupted("the host has no such range") from None
        raise DataError(
            sentence(
                "{shown}: the host answered {code} {reason}",
                shown=shown,
                code=error.code,
                reason=error.reason,
            )
        ) from None
    except TimeoutError:
        raise _Interrupted(f"nothing came for {timeout_s:g} s") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, _FOR_GOOD):
            raise DataError(
                sentence("{shown}: cannot be reached: {why}", shown=shown, why=_why(error.reason))
            ) from None
        raise _Interrupted(f"cannot be reached: {error.reason}") from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        # The file's own OSErrors are DiskErrors by now; what is left came from the network.
        raise _Interrupted(sentence("the transfer broke off: {error!r}", error=error)) from None


def _why(reason: OSError) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return sentence(
            "its certificate is not trusted ({reason}); where your network has certificates of "
            "its own, set SSL_CERT_FILE to their file",
            reason=reason.verify_message,
        )
    return str(reason)


def _copy(
    response: http.client.HTTPResponse,
    part: Path,
    start: int,
    total: int | None,
    progress: Progress,
    least_rate: float,
) -> None:
    done = start
    since, before = time.monotonic(), start
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
                raise DataError(
                    sentence(
                        "{url}: expected under {limit:,} bytes",
                        url=printable(response.url),
                        limit=_SIZE_LIMIT,
                    )
                )
            progress(done, total)
            if (passed := time.monotonic() - since) >= SLOW_S:
                if (done - before) / passed < least_rate:
                    raise DataError(
                        sentence(
                            "{url}: expected {least:,.0f} kB/s or more; got {rate:,.0f}",
                            url=printable(response.url),
                            least=least_rate / 1e3,
                            rate=(done - before) / passed / 1e3,
                        )
                    )
                since, before = time.monotonic(), done
    if total is not None and done < total:
        raise _Interrupted(f"the transfer broke off at {done:,} of {total:,} bytes")
