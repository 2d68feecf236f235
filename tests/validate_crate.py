"""Holds an RO-Crate to roc-validator, without a network: `validate_crate.py CRATE FOLDER`.

It runs in an environment of its own (`nox -s crate`), since the validator asks for another rich than
ours. Its one wish to the network, RO-Crate 1.1's JSON-LD context, is met from a file made in FOLDER.
"""

from __future__ import annotations

import io
import json
import sys
from importlib.resources import files
from pathlib import Path

import requests_cache
from requests.adapters import BaseAdapter, HTTPAdapter
from rocrate_validator import models, services
from urllib3 import HTTPResponse

PROFILE = "workflow-run-crate-0.5"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
BIOSCHEMAS = "https://bioschemas.org/"

EXCEPTIONS = {
    "process-run-crate-0.5_3.2": "a url of the application: the project has no public address",
    "process-run-crate-0.5_5.1": "an absolute @id of the application: a workflow is a file here",
    "process-run-crate-0.5_8.4": "the end time of a run: no record has a clock time",
    "ro-crate-1.1_31.2": "a url of the organization: the project has no public address",
}
"""Recommendations that are known not to be followed, and why. No requirement is among them."""


class Canned(BaseAdapter):
    """Answers every request with the same bytes."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body

    def send(self, request, **_):
        headers = {"Content-Type": "application/ld+json"}
        raw = HTTPResponse(
            body=io.BytesIO(self.body), status=200, preload_content=False, headers=headers
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        pass


def context() -> bytes:
    """RO-Crate 1.1's context, made of the 1.3 one that rocrate brings: it lacks Bioschemas' terms
    and has two that 1.1 has not."""
    terms = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text())["@context"]
    terms |= {
        "ComputationalWorkflow": f"{BIOSCHEMAS}ComputationalWorkflow",
        "FormalParameter": f"{BIOSCHEMAS}FormalParameter",
        "input": f"{BIOSCHEMAS}ComputationalWorkflow#input",
        "output": f"{BIOSCHEMAS}ComputationalWorkflow#output",
    }
    for term in ("sha256", "Profile"):
        del terms[term]
    return json.dumps({"@id": CONTEXT, "@context": terms}).encode()


def failed(crate: Path, cache: Path, severity: str) -> dict[str, list[str]]:
    """The checks that fail up to a severity, each with what it complains of."""
    settings = services.ValidationSettings(
        rocrate_uri=str(crate), profile_identifier=PROFILE, requirement_severity=severity,
        offline=True, cache_path=str(cache),
    )  # fmt: skip
    result = services.validate(settings)
    found: dict[str, list[str]] = {}
    for issue in result.get_issues(models.Severity.OPTIONAL):
        found.setdefault(issue.check.identifier, []).append(str(issue.message))
    statistics = result.statistics
    print(
        f"{PROFILE}, {severity}: {len(statistics.passed_checks)} checks passed, "
        f"{len(statistics.failed_checks)} failed, {len(statistics.skipped_checks)} skipped"
    )
    if not statistics.passed_checks or statistics.skipped_checks:
        raise SystemExit("expected checks that were done, and none that was left out")
    return found


def main(crate: Path, folder: Path) -> int:
    cache = folder / "httpcache"
    with requests_cache.CachedSession(f"{cache}.sqlite", backend="sqlite", expire_after=-1) as web:
        web.mount(CONTEXT, Canned(context()))
        web.get(CONTEXT)
    required = failed(crate, cache, "REQUIRED")
    recommended = failed(crate, cache, "RECOMMENDED")
    for name, messages in sorted(recommended.items()):
        print(f"  {name} ({len(messages)} times): {EXCEPTIONS.get(name, messages[0])}")
    unknown = recommended.keys() - EXCEPTIONS.keys()
    kept = EXCEPTIONS.keys() - recommended.keys()
    for name in sorted(required):
        print(f"required, and not met: {name}: {required[name][0]}")
    for name in sorted(unknown):
        print(f"recommended, not met and no known exception: {name}: {recommended[name][0]}")
    for name in sorted(kept):
        print(f"met, so no exception any more: {name}")
    if required or unknown or kept:
        return 1
    print(f"valid; {len(EXCEPTIONS)} recommendations are known not to be met")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
