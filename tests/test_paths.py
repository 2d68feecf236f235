"""Where things lie."""

from __future__ import annotations

import subprocess

import pytest

from repro import paths


def git(folder, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder), *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "-q")
        git(folder, "commit", "-q", "--allow-empty", "-m", name)
        return folder

    return make


def test_the_commit_is_that_of_this_checkout_whatever_git_was_told(monkeypatch, repository):
    """Git hooks export GIT_DIR: a page that one of them writes once named their repository."""
    ours, theirs = repository("ours"), repository("theirs")
    monkeypatch.setattr(paths, "IMPORT_ROOT", ours)
    monkeypatch.setenv("GIT_DIR", str(theirs / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(theirs))
    assert paths.commit() == subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ours, capture_output=True, text=True, check=True,
        env={"PATH": __import__("os").environ["PATH"]},
    ).stdout.strip()  # fmt: skip


def test_an_installation_has_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "IMPORT_ROOT", tmp_path)
    assert paths.commit() is None
