"""Typical failures in both languages."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from rich.console import Console

from repro.errors import sentence
from repro.execution import golden
from repro.execution.doctor import Diagnosis, judge
from repro.execution.messages import FirstSteps
from repro.reporting.check_tables import show_levels, show_machine
from repro.spec import Recipe, RunSpec
from tests.chinese import CHINESE, HALF_WIDTH
from tests.command_line.shell import repro
from tests.examples import ENVIRONMENT

TORCH, DIGESTS = next(iter(golden.TORCH.items()))

FAILURES = [
    (["table", "9-9", "--recorded"], 2, "table '9-9': expected 3-1, 3-2, 3-3, 3-4 or all"),
    (
        ["table", "3-1", "--recorded", "--workers", "2"],
        2,
        "--workers cannot be combined with --recorded, which trains nothing",
    ),
    (["train", "net", "--dropout", "0.25"], 2, "dropout: net has no such layer; got 0.25"),
    (
        ["train", "vgg"],
        2,
        "MODEL: expected net, improved or resnet; got 'vgg' (see `repro train --help`)",
    ),
    (
        ["train", "net", "--epochs", "0"],
        2,
        "--epochs: expected a number of at least 1; got '0' (see `repro train --help`)",
    ),
    (
        ["tabel"],
        2,
        "No such command 'tabel'. Did you mean 'table'? (see `repro --help`)",
    ),
    (
        ["runs", "frob"],
        2,
        "No such command 'frob'. Expected best, diff, rm, show or units. (see `repro runs --help`)",
    ),
    (
        ["claims", "--record"],
        2,
        "No such option: --record. Did you mean '--recorded'? (see `repro claims --help`)",
    ),
    (
        ["runs", "show", "zzz"],
        2,
        "'zzz': expected a unique prefix of a run's name or digest; no run matches "
        "(`repro runs` lists them)",
    ),
    (
        ["runs", "--where", "seed<x"],
        2,
        "--where: seed: expected a number; got 'x'",
    ),
    (
        ["data", "fetch", "--from", "no/where"],
        2,
        "--from no/where: expected a folder or an archive; it does not exist",
    ),
    (
        ["report"],
        4,
        "no runs yet: `repro table all` trains them, `--recorded` takes those of the package",
    ),
    (
        ["data", "show"],
        3,
        "HOME/data/cifar-10-batches-bin/data_batch_1.bin: not there; `repro data fetch` gets it",
    ),
    (
        ["score", "a.csv", "b.csv"],
        3,
        "a.csv, line 1: expected the header Image,Category; got 'image,klass'",
    ),
]
"""Arguments, exit code and the English line."""

PLAIN = re.compile(
    r"`[^`]*`|'[^']*'|--?[\w-]+|[\w./-]*[/_.][\w./-]*|HOME\S*"
    r"|\b(net|improved|resnet|all|table|MODEL|dropout|Dropout|relu|Image|Category|best|diff|rm|show|units|seed|\d-\d)\b",
)
"""What stands in both languages: commands, what was typed, options, paths, names."""


def fail(home, arguments, **more):
    for name in ("a.csv", "b.csv"):
        (home.parent / name).write_text("image,klass\n1,cat\n")
    done = repro(home, *arguments, **more)
    return done.returncode, done.stderr.replace(str(home), "HOME").splitlines()


@pytest.mark.parametrize(("arguments", "code", "line"), FAILURES, ids=lambda each: str(each)[:40])
def test_a_failure_is_told_in_both_languages(home, arguments, code, line):
    assert fail(home, arguments, REPRO_LANG="en") == (code, [f"repro: {line}"])
    chinese_code, lines = fail(home, arguments, REPRO_LANG="zh")
    assert (chinese_code, len(lines)) == (code, 1)
    text = lines[0].removeprefix("repro: ")
    assert CHINESE.search(text)
    assert not HALF_WIDTH.search(text)
    assert re.findall("[A-Za-z]{2,}", PLAIN.sub("", text)) == []


def test_an_argument_that_is_missing_is_one_line_in_chinese(home):
    code, lines = fail(home, ["train"], REPRO_LANG="zh")
    assert (code, lines) == (
        2,
        ["repro: 缺少参数 MODEL，可选：net、improved、resnet。（见 `repro train --help`）"],
    )


@pytest.mark.parametrize("typed", [["--lang", "zh"], ["--lang=zh"]])
def test_errors_speak_the_language_of_the_option(home, typed):
    _, lines = fail(home, ["table", "9-9", "--recorded", *typed], REPRO_LANG="en")
    assert lines == ["repro: 表 '9-9'：应为 3-1、3-2、3-3、3-4 之一，或 all"]
    _, lines = fail(home, ["table", *typed, "--seeds", "x"], REPRO_LANG="en")
    assert lines == ["repro: --seeds：应为整数，实际为 'x'（见 `repro table --help`）"]
    _, lines = fail(home, ["table", "9-9", "--recorded", "--lang", "en"], REPRO_LANG="zh")
    assert lines == ["repro: table '9-9': expected 3-1, 3-2, 3-3, 3-4 or all"]


def test_errors_speak_the_language_of_the_option_file(home):
    (home.parent / "repro.toml").write_text('[table]\nlang = "zh"\n')
    _, lines = fail(home, ["table", "9-9", "--recorded"], REPRO_LANG="en")
    assert lines[-1] == "repro: 表 '9-9'：应为 3-1、3-2、3-3、3-4 之一，或 all"


@pytest.mark.parametrize(
    ("locale", "line"),
    [
        ("zh_CN.UTF-8", "repro: REPRO_LANG：应为 en 或 zh，实际为 'fr'"),
        ("C.UTF-8", "repro: REPRO_LANG: expected en or zh; got 'fr'"),
    ],
)
def test_a_language_that_is_none_is_told_in_that_of_the_locale(home, locale, line):
    assert fail(home, ["claims"], REPRO_LANG="fr", LC_ALL=locale) == (2, [line])


def test_a_damaged_record_is_told_in_both_languages(home):
    folder = home / "store" / "runs" / "net"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text('{"schema_version": 99}')
    code, english = fail(home, ["runs"], REPRO_LANG="en")
    _, chinese = fail(home, ["runs"], REPRO_LANG="zh")
    assert code == 3
    assert "written by a newer version (schema 99; this one reads up to" in english[-1]
    assert "由更新的版本写入（格式 99，本版本最高支持" in chinese[-1]


def test_an_audit_gives_its_reasons_in_both_languages(home):
    folder = home / "runs" / "net"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{}")
    english = repro(home, "audit", "--store", home, REPRO_LANG="en")
    chinese = repro(home, "audit", "--store", home, REPRO_LANG="zh")
    assert (english.returncode, chinese.returncode) == (1, 1)
    assert "not a run record: " in " ".join(english.stdout.split())
    assert "不是训练记录：" in "".join(chinese.stdout.split())
    assert "not a run record" not in chinese.stdout


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "5 种模型的前几步与在其他机器上逐位相同"),
        (
            {"resnet": "0"},
            f"resnet 的前几步与 torch {TORCH} 在其他 CPU 上的结果并非逐位相同：请附上",
        ),
    ],
)
def test_the_doctor_gives_its_reasons_in_chinese(monkeypatch, change, reason):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    steps = FirstSteps(
        run="net", environment=dataclasses.replace(ENVIRONMENT, torch=TORCH), capability="AVX2",
        digests={**DIGESTS, **change},
    )  # fmt: skip
    spec = RunSpec(recipe=Recipe(architecture="net"), seed=0, dataset="synthetic", engine="torch")
    level, why = judge(spec, steps, steps)
    found = Diagnosis(
        device="cpu", engine="torch", guaranteed="L3", got=level, why=why, first_steps=steps
    )
    console = Console(file=io.StringIO(), width=200)
    console.print(show_levels([found], "zh"))
    assert reason in console.file.getvalue()
    facts = {"cores": sentence("{count} that this process may use", count=2)}
    console.print(show_machine(facts, "zh"))
    assert "本进程可用 2 个" in console.file.getvalue()
