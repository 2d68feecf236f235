"""repro.toml: options that need not be typed again."""

from __future__ import annotations

import json

import pytest

from tests.command_line.shell import complains, repro


@pytest.fixture
def write(tmp_path):
    def write(text, name="repro.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")

    return write


def test_options_of_a_command_and_of_all_commands_are_taken_and_said(home, write):
    write('lang = "zh"\n[table]\nrecorded = true\nfirst-seed = 1\nseeds = 2\nformat = "json"\n')
    done = repro(home, "table", "3-4")
    assert done.returncode in {0, 1}
    assert {row["n"] for row in json.loads(done.stdout)} == {2}
    assert done.stderr == (
        "repro: options from repro.toml: --seeds 2 --first-seed 1 --recorded --format json --lang zh\n"
    )


def test_what_is_typed_wins(home, write):
    write("[table]\nrecorded = true\nseeds = 2\nformat = 'json'\n")
    done = repro(home, "table", "3-4", "--seeds", "3")
    assert {row["n"] for row in json.loads(done.stdout)} == {3}
    assert "--seeds" not in done.stderr


def test_a_project_file_has_them_in_its_own_table_and_one_without_it_is_left_alone(home, write):
    write("[tool.repro.runs]\nrecorded = true\n[tool.other]\nx = 1\n", "pyproject.toml")
    done = repro(home, "runs")
    assert "net-relu-seed0-" in done.stdout
    assert "options from pyproject.toml: --recorded" in done.stderr
    write("[runs]\nrecorded = false\n")
    assert "options from" not in repro(home, "runs").stderr, (
        "repro.toml alone, and it is the default"
    )
    write("")
    write("[project]\nname = 'x'\n", "pyproject.toml")
    assert repro(home, "runs").stderr == ""


def test_a_group_inside_a_group(home, write):
    write("[data.fetch]\nsource = 'gopher'\n")
    complains(repro(home, "data", "fetch"), 2, "source 'gopher': expected mirror, npm, official")


def test_a_password_in_an_address_is_not_printed(home, write):
    write('[data.fetch]\nsource = "http://me:secret@127.0.0.1:9/x.tar.gz"\n')
    done = repro(home, "data", "fetch")
    assert done.returncode == 3
    assert "options from repro.toml: --source http://" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tabel]\nseeds = 1\n", "repro.toml: 'tabel': no such command. Did you mean 'table'?"),
        ("[table]\nseedz = 1\n", "repro.toml: table has no option 'seedz'. Did you mean 'seeds'?"),
        (
            "first-sed = 1\n",
            "repro.toml: no command has an option 'first-sed'. Did you mean 'first-seed'?",
        ),
        ("[verify]\naccept = true\n", "repro.toml: --accept has to be typed"),
        (
            "[table]\nseeds = [1]\n",
            "repro.toml: table.seeds: expected a text, a number, true or false",
        ),
        ("[table]\nquiet = 'yes'\n", "repro.toml: table.quiet: expected true or false; got 'yes'"),
        ("[table\n", "repro.toml: not TOML: "),
        ("[table]\nseeds = 0\n", "--seeds: expected a number of at least 1; got '0'"),
    ],
)
def test_what_has_no_meaning_is_refused(home, write, text, words):
    write(text)
    complains(repro(home, "table", "3-4", "--recorded"), 2, words)


def test_help_shows_the_defaults_of_the_file_and_says_where_they_come_from(home, write):
    write("[table]\nfirst-seed = 7\n")
    shown = repro(home, "table", "--help-all").stdout
    assert "[default: 7]" in shown
