"""The workflows agree with the noxfile, with pyproject.toml and with what CONTRIBUTING.md says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
FILES = {
    path.name: path.read_text() for path in sorted((ROOT / ".github/workflows").glob("*.y*ml"))
}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in FILES.items()}
JOBS = [
    pytest.param(job, id=f"{name}-{key}")
    for name, workflow in WORKFLOWS.items()
    for key, job in workflow["jobs"].items()
]


def steps(name):
    return [step for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]


def step(name, title):
    return next(each for each in steps(name) if each.get("name") == title)


def test_there_are_workflows():
    assert set(WORKFLOWS) == {"tests.yml", "gpu-verify.yml", "release.yml"}


@pytest.mark.parametrize("name", FILES)
def test_every_action_is_pinned_by_commit_with_its_version_beside(name):
    lines = [line for line in FILES[name].splitlines() if "uses:" in line]
    assert len(lines) == sum("uses" in each for each in steps(name)) > 0
    for line in lines:
        assert re.fullmatch(r" +(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version():
    pins = {}
    for line in "\n".join(FILES.values()).splitlines():
        if "uses:" in line:
            action, _, pin = line.partition("uses: ")[2].partition("@")
            pins.setdefault(action, set()).add(pin)
    assert {action: pin for action, pin in pins.items() if len(pin) > 1} == {}


def sessions_called(text, session=()):
    """What follows `nox -s` in a script; `session` is what the variable SESSION may be."""
    for line in text.splitlines():
        for called in re.findall(r"\bnox -s ([^&|;]*)", line.partition(" #")[0]):
            for word in called.partition(" -- ")[0].split():
                yield from session if word == '"$SESSION"' else [word]


@pytest.mark.parametrize("name", [*FILES, ".ci/run"])
def test_every_session_that_is_called_is_in_the_noxfile(name):
    known = {
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    }
    if name in FILES:
        called = [
            session
            for job in WORKFLOWS[name]["jobs"].values()
            for each in job["steps"]
            for session in sessions_called(
                each.get("run", ""), job.get("strategy", {}).get("matrix", {}).get("session", ())
            )
        ]
    else:
        called = list(sessions_called((ROOT / name).read_text()))
    assert called
    assert set(called) - known == set()


def test_the_variable_of_the_sessions_is_the_matrix():
    """As the test above takes it."""
    for name in FILES:
        for each in steps(name):
            if "$SESSION" in each.get("run", ""):
                assert each["env"]["SESSION"] == "${{ matrix.session }}"


def test_the_pythons_are_those_of_the_classifiers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert WORKFLOWS["tests.yml"]["jobs"]["python"]["strategy"]["matrix"]["python"] == stated
    for name in FILES:
        for each in steps(name):
            if "setup-python@" in each.get("uses", ""):
                assert each["with"]["python-version"] in {"${{ matrix.python }}", *stated}


def test_windows_and_macs_run_the_fast_tests_with_the_oldest_and_the_newest_python():
    jobs = WORKFLOWS["tests.yml"]["jobs"]
    pythons = jobs["python"]["strategy"]["matrix"]["python"]
    system = jobs["system"]
    assert system["strategy"]["matrix"] == {
        "system": ["windows-latest", "macos-latest"], "python": [pythons[0], pythons[-1]],
    }  # fmt: skip
    assert system["runs-on"] == "${{ matrix.system }}"
    assert system["steps"][-1]["run"] == "python -m nox -s tests"
    assert jobs["python"]["runs-on"] == "ubuntu-latest"


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_permitted_unless_a_job_asks(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    assert "pull_request_target" not in FILES[name]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_names_its_permissions_and_its_time(job):
    assert set(job["permissions"].values()) <= {"read", "write"}
    assert job["timeout-minutes"] <= 240
    code = any("actions/checkout@" in each.get("uses", "") for each in job["steps"])
    if code:  # what runs the project's code can write nothing
        assert job["permissions"] == {"contents": "read"}
    for each in job["steps"]:
        if "actions/checkout@" in each.get("uses", ""):
            assert each["with"]["persist-credentials"] is False
        assert "${{" not in each.get("run", ""), "an expression in a script can be code"


def test_no_pull_request_runs_on_our_machine():
    for name, workflow in WORKFLOWS.items():
        own = any("self-hosted" in job["runs-on"] for job in workflow["jobs"].values())
        events = set(workflow[True])  # YAML 1.1 reads the word `on` so
        assert own == (name == "gpu-verify.yml")
        if own:
            assert events == {"schedule", "workflow_dispatch"}


def test_a_release_takes_nothing_from_a_cache():
    for each in steps("release.yml"):
        assert "cache" not in each.get("with", {})
        assert "actions/cache" not in each.get("uses", "")


def test_the_labels_of_the_gpu_runner_are_in_contributing():
    *labels, last = WORKFLOWS["gpu-verify.yml"]["jobs"]["verify"]["runs-on"]
    sentence = f"labels {', '.join(f'`{label}`' for label in labels)} and `{last}`"
    assert sentence in (ROOT / "CONTRIBUTING.md").read_text()


# Scripts of the workflows, run as GitHub runs them.


def bash(script, folder, **variables):
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.posix
@pytest.mark.parametrize(
    ("tag", "heading", "message"),
    [
        ("v1.2.3", "## 1.2.3, 2027-01-02", None),
        ("v1.2.4", "## 1.2.3, 2027-01-02", "expected the tag v1.2.3; got v1.2.4"),
        ("v1.2.3", "## 1.2.3, unreleased", 'expected a section "## 1.2.3, DATE"'),
        ("v1.2.3", "## 1.2.30, 2027-01-02", 'expected a section "## 1.2.3, DATE"'),
    ],
)
def test_a_release_needs_its_tag_and_its_section_in_the_changelog(tmp_path, tag, heading, message):
    (tmp_path / "repro").mkdir()
    (tmp_path / "repro/__init__.py").write_text('__version__ = "1.2.3"\n')
    changes = f"# Changelog\n\n{heading}\n\n- New.\n\n## 1.2.2, 2027-01-01\n\n- Old.\n"
    (tmp_path / "CHANGELOG.md").write_text(changes)
    script = step("release.yml", "Hold the tag to the version")["run"]
    done = bash(script, tmp_path, GITHUB_REF_NAME=tag)
    if message is None:
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "notes.md").read_text().split() == ["-", "New."]
    else:
        assert done.returncode == 1
        assert message in done.stdout


GH = """#!/bin/sh
echo "$@" >> calls
if [ "$1 $2" = "issue list" ]; then printf '%s' "$OPEN"; fi
"""


@pytest.mark.posix
@pytest.mark.parametrize(("number", "call"), [("", "issue create"), ("17", "issue comment 17")])
def test_one_issue_is_opened_and_then_commented_on(tmp_path, number, call):
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "verdicts.md").write_text("1 checks: 1 fail\n" + "x" * 100_000)
    found = step("gpu-verify.yml", "Open the issue, or comment on it")
    done = bash(
        found["run"], tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}", OPEN=number,
        LABEL=found["env"]["LABEL"], GITHUB_SERVER_URL="https://example.org",
        GITHUB_REPOSITORY="a/b", GITHUB_RUN_ID="5", GITHUB_SHA="c0ffee",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    label, listed, acted = (tmp_path / "calls").read_text().splitlines()
    assert label.startswith("label create gpu-verify --force")
    assert listed.startswith("issue list --label gpu-verify --state open")
    assert acted.startswith(f"{call} ")
    body = (tmp_path / "body.md").read_text()
    assert "https://example.org/a/b/actions/runs/5" in body
    assert "1 checks: 1 fail" in body
    assert len(body) < 65_536
    assert ("--label gpu-verify" in acted) == (not number), "the next night finds it by its label"


@pytest.mark.parametrize("name", ["verify", "issue"])
def test_an_issue_needs_a_comparison_that_fails(name):
    """Only code 1 of `repro verify`, which the summary step reads from its file."""
    jobs = WORKFLOWS["gpu-verify.yml"]["jobs"]
    if name == "verify":
        assert jobs[name]["outputs"] == {"exit-code": "${{ steps.summary.outputs.exit-code }}"}
    else:
        assert "needs.verify.outputs.exit-code == '1'" in jobs[name]["if"]
        assert jobs[name]["needs"] == "verify"


@pytest.mark.posix
@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_summary_has_the_verdicts_and_tells_the_code(tmp_path, code):
    (tmp_path / "gpu-verify").mkdir()
    (tmp_path / "gpu-verify/verdicts.md").write_text("2 checks: all hold\n")
    (tmp_path / "gpu-verify/exit-code").write_text(f"{code}\n")
    script = step("gpu-verify.yml", "Show the verdicts")["run"]
    files = {"GITHUB_STEP_SUMMARY": tmp_path / "summary", "GITHUB_OUTPUT": tmp_path / "output"}
    assert bash(script, tmp_path, **{k: str(v) for k, v in files.items()}).returncode == 0
    assert (tmp_path / "summary").read_text() == "2 checks: all hold\n"
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
