"""Download hosts on loopback, each with its own way to misbehave."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Host:
    """Serves `body` under every path; `requests` lists the Range header of each request."""

    def __init__(self, body: bytes, **manners) -> None:
        self.body, self.manners = body, manners
        self.requests: list[str | None] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.requests.append(wanted)
        manners, body, start = self.manners, self.body, 0
        if "status" in manners:
            handler.send_error(manners["status"])
            return
        if wanted and not manners.get("refuses_ranges"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, body = int(first), body[: int(last) + 1] if last else body
            if start >= len(body):
                handler.send_error(416)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        if not manners.get("no_type"):
            handler.send_header("Content-Type", manners.get("type", "application/gzip"))
        if not manners.get("no_length"):
            handler.send_header("Content-Length", str(manners.get("claims", len(body) - start)))
        handler.end_headers()
        rest = body[start:]
        if "cuts_after" in manners:
            rest = rest[: manners["cuts_after"]]
        pieces = manners.get("pieces", 1)
        size = -(-len(rest) // pieces) or 1
        for at in range(0, len(rest), size):
            handler.wfile.write(rest[at : at + size])
            handler.wfile.flush()
            time.sleep(manners.get("pause_s", 0))
        time.sleep(manners.get("hangs_s", 0))


@contextlib.contextmanager
def serving(host: Host) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(ConnectionError):
                host.answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz"
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
