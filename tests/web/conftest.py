from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """The page of the recorded evidence, served on loopback."""
    folder = tmp_path_factory.mktemp("page")
    done = subprocess.run(
        [sys.executable, "-m", "repro", "report", "--recorded", "--out", str(folder)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    handler = functools.partial(Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    assert program, f"expected one of {', '.join(BROWSERS)} on PATH (Debian: chromium)"
    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox; the page is our own.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, from the folder that `nox -s web` unpacks it to."""
    folder = os.environ.get("AXE_CORE")
    assert folder, "AXE_CORE: expected the folder of axe-core (`nox -s web` sets it)"
    return (Path(folder) / "axe.min.js").read_text(encoding="utf-8")
