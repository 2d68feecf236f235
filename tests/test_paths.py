"""Where things lie."""

from __future__ import annotations

import subprocess
import tempfile

import pytest

from repro import paths
from repro.errors import UsageError


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


def test_a_user_without_a_home_is_told_to_choose_a_place(monkeypatch):
    """A container's user may have no entry in the list of users."""

    def nobody(_name):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("REPRO_HOME", raising=False)
    monkeypatch.setattr(paths.platformdirs, "user_data_path", nobody)
    with pytest.raises(UsageError, match="home folder; this one has none, .*set REPRO_HOME"):
        paths.home()


def test_on_a_read_only_root_temporary_files_lie_in_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    candidates = tempfile._candidate_tempdir_list

    def read_only():
        return [each for each in candidates() if each.startswith(str(tmp_path))]

    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", read_only)
    monkeypatch.chdir("/")
    paths.find_temporary_folder()
    assert tempfile.gettempdir() == str(tmp_path / "home" / "tmp")
    with tempfile.TemporaryFile() as file:
        file.write(b"text")
