from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from repro.errors import DataError, UsageError
from repro.files import disk_errors, read_regular, write_atomically
from repro.runs.removal import remove, size_of
from repro.runs.store import Store
from repro.spec import ABLATIONS
from tests.examples import record as example

PREDICTIONS = {"10": np.arange(100, dtype=np.uint8) % 10}
DIGEST = hashlib.sha256(PREDICTIONS["10"].tobytes()).hexdigest()


def record(**options):
    """A record whose only reading has the digest of PREDICTIONS."""
    one = example(**options)
    reading = dataclasses.replace(one.readings[0], predictions_sha256=DIGEST)
    return dataclasses.replace(one, readings=(reading,))


def test_what_is_saved_is_loaded(tmp_path):
    store, one = Store(tmp_path), record()
    assert store.load(one.spec) is None
    store.save(one, PREDICTIONS)
    assert Store(tmp_path).load(one.spec) == one
    np.testing.assert_array_equal(Store(tmp_path).predictions(one)["10"], PREDICTIONS["10"])
    names = sorted(path.name for path in store.folder(one.spec).iterdir())
    assert names == ["predictions.safetensors", "record.json"]


def test_kept_checkpoints_are_listed_by_epoch_and_the_last_one_last(tmp_path):
    store, spec = Store(tmp_path), record().spec
    store.folder(spec).mkdir(parents=True)
    for epoch in (100, None, 30):
        store.checkpoint(spec, epoch).write_bytes(b"")
    assert store.checkpoint_epochs(spec) == [30, 100, None]
    for name in ("x", "010", "٣", "10 copy"):
        (store.folder(spec) / f"checkpoint-{name}.safetensors").write_bytes(b"")
    assert store.checkpoint_epochs(spec) == [30, 100, None], "what is named otherwise is not ours"
    store.checkpoint(spec).unlink()
    assert store.checkpoint_epochs(spec) == [30, 100]


def test_records_are_listed_by_name(tmp_path):
    store = Store(tmp_path)
    assert store.records() == []
    for seed in (2, 0, 1):
        store.save(record(seed=seed), PREDICTIONS)
    assert [each.spec.seed for each in store.records()] == [0, 1, 2]


def test_a_run_is_found_by_the_beginning_of_its_name_or_digest(tmp_path):
    store = Store(tmp_path)
    for seed in (0, 1):
        store.save(record(seed=seed), PREDICTIONS)
    one = record(seed=1)
    assert store.find(one.spec.name) == one
    assert store.find("net-relu-seed1") == one
    for digits in (4, 9, 12, 13, 64):
        assert store.find(one.spec.digest[:digits]) == one
    for text in (
        one.spec.digest + "0",
        one.spec.digest[:12] + "zzz",
        "seed1",
        one.spec.digest[1:9],
    ):
        with pytest.raises(UsageError, match="no run matches"):
            store.find(text)
    with pytest.raises(UsageError, match="'net': expected .* 2 runs match: net-relu-seed0"):
        store.find("net")
    with pytest.raises(UsageError, match=r"'x': .*; no run matches \(`repro runs` lists them\)"):
        store.find("x")


def test_of_many_runs_that_begin_so_five_are_named(tmp_path):
    store = Store(tmp_path)
    for seed in range(6):
        store.save(record(seed=seed), PREDICTIONS)
    names = ", ".join(rf"net-relu-seed{seed}-\w+" for seed in range(5))
    with pytest.raises(UsageError, match=rf"6 runs match: {names}, \.\.\.$"):
        store.find("net")


def test_a_record_in_the_folder_of_another_run_is_refused(tmp_path):
    store = Store(tmp_path)
    store.save(record(seed=0), PREDICTIONS)
    store.folder(record(seed=0).spec).rename(store.folder(record(seed=1).spec))
    with pytest.raises(DataError, match="expected the record of this folder; got net-relu-seed0"):
        store.records()


def test_a_store_of_a_newer_version_is_left_alone(tmp_path):
    Store(tmp_path).save(record(), PREDICTIONS)
    assert (tmp_path / "store.json").read_text() == '{"version": 1}\n'
    (tmp_path / "store.json").write_text('{"version": 2}')
    with pytest.raises(DataError) as refused:
        Store(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path / 'store.json'}: written by a newer version (layout 2; this one knows up to "
        "1); update repro to use this store"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", '{"version": "1"}', "null", '{"v": 1}', '{"version": true}',
        '{"version": 0}', "[" * 500_000,
    ],
)  # fmt: skip
def test_a_strange_marker_is_refused(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(DataError) as refused:
        Store(tmp_path)
    assert str(refused.value) == (
        f'{tmp_path / "store.json"}: expected {{"version": 1}}; got something else'
    )


def test_a_damaged_record_is_named(tmp_path):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)
    path = store.folder(one.spec) / "record.json"
    path.write_bytes(path.read_bytes()[:20])
    remedy = "; without its folder a run of your own is trained again$"
    with pytest.raises(DataError, match=f"^{path}: not a run record.*{remedy}"):
        store.load(one.spec)


def test_a_record_of_a_newer_version_is_not_to_be_trained_again(tmp_path):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)
    path = store.folder(one.spec) / "record.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"schema_version": 99}))
    with pytest.raises(DataError, match="written by a newer version") as refused:
        store.load(one.spec)
    assert "trained again" not in str(refused.value)


def test_sound_records_stand_beside_what_is_wrong_with_the_others(tmp_path):
    store = Store(tmp_path)
    runs = [record(seed=seed) for seed in range(3)]
    for each in runs:
        store.save(each, PREDICTIONS)
    damaged = store.folder(runs[1].spec) / "record.json"
    damaged.write_text("{")
    sound, (error,) = store.sound_records()
    assert sound == [runs[0], runs[2]]
    assert str(error).startswith(f"{damaged}: ")


@pytest.mark.posix
def test_a_store_behind_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError) as refused:
        Store(tmp_path).names()
    assert str(refused.value).startswith(f"{tmp_path}: cannot be read: ")
    assert str(tmp_path / "gone") in str(refused.value)


@pytest.mark.parametrize(
    ("failing", "file"),
    [
        ("exists", "store.json"),
        ("open", "store.json"),
        ("exists", "record.json"),
        ("open", "record.json"),
    ],
)
def test_a_store_that_cannot_be_read_is_named(tmp_path, monkeypatch, failing, file):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)

    def refuse(path, *options):
        if path.name == file:
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path, *options)

    original = getattr(Path, failing)
    monkeypatch.setattr(Path, failing, refuse)
    with pytest.raises(DataError, match=f"{tmp_path}.*/{file}: cannot be read: no permission"):
        Store(tmp_path).load(one.spec)


def test_damaged_predictions_are_named(tmp_path):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)
    path = store.folder(one.spec) / "predictions.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match=f"^{path}: not a file of predictions: .*[Hh]eader"):
        store.predictions(one)
    path.unlink()
    with pytest.raises(DataError) as refused:
        store.predictions(one)
    assert str(refused.value) == f"{path}: expected the record's predictions; nothing is there"


def test_predictions_of_other_epochs_or_classes_are_named(tmp_path):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)
    path = store.folder(one.spec) / "predictions.safetensors"
    path.write_bytes(safetensors.numpy.save({"7": PREDICTIONS["10"]}))
    with pytest.raises(DataError) as refused:
        store.predictions(one)
    assert str(refused.value) == f"{path}: expected predictions of epochs 10; got 7"
    none = dataclasses.replace(one, readings=())
    with pytest.raises(DataError) as refused:
        store.predictions(none)
    assert str(refused.value) == f"{path}: expected predictions of epochs none; got 7"
    other = np.zeros(100, np.uint8)
    path.write_bytes(safetensors.numpy.save({"10": other}))
    with pytest.raises(DataError) as refused:
        store.predictions(one)
    obtained = hashlib.sha256(other.tobytes()).hexdigest()
    assert str(refused.value) == (
        f"{path}: epoch 10: expected predictions uint8 (N,) with SHA-256 {DIGEST}; "
        f"got uint8 (100,) with {obtained}"
    )


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_bytes_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "f"
    write_atomically(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), full)
    with pytest.raises(DataError, match="f: cannot be written: the disk is full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_a_new_name_is_on_the_disk_too_before_a_write_returns(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def watch(descriptor):
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), (tmp_path / "f").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    write_atomically(tmp_path / "f", b"new")
    assert synced == [(False, False), (True, True)]


def test_a_file_system_that_syncs_no_folder_is_no_failure(tmp_path, monkeypatch):
    fsync = os.fsync

    def only_files(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    write_atomically(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.EROFS, "read-only; choose another place .*REPRO_HOME"),
        (errno.EACCES, "no permission; choose another place .*REPRO_HOME"),
        (errno.EDQUOT, "quota is used up"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_system_refuses_is_said_with_what_to_do(code, message):
    with (
        pytest.raises(DataError, match=f"/x/y: cannot be written: .*{message}"),
        disk_errors(Path("/x/y")),
    ):
        raise OSError(code, os.strerror(code))


def test_a_disk_that_lacks_memory_is_no_fault_of_the_disk():
    message = "^out of memory .*/x/y cannot be written.*--workers 1.* to resume$"
    with pytest.raises(DataError, match=message), disk_errors(Path("/x/y")):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


@pytest.mark.posix
@pytest.mark.parametrize("name", ["store.json", "record.json", "predictions.safetensors"])
def test_what_never_ends_is_not_read(tmp_path, monkeypatch, name):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)
    path = next(tmp_path.rglob(name))

    def read():
        store.predictions(one)
        return Store(tmp_path).records()

    assert read() == [one]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match=f"{name}: expected a regular file; it is something else"):
        read()
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=f"{name}: expected a regular file; it is something else"):
        read()


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(DataError, match="f: expected a file of at most 4 bytes; it has more"):
        read_regular(path, 4)


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3"])
def test_predictions_of_a_type_that_numpy_lacks_are_refused(tmp_path, kind):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)
    path = store.folder(one.spec) / "predictions.safetensors"
    size = 2 if kind == "BF16" else 1
    header = json.dumps(
        {"10": {"dtype": kind, "shape": [100 // size], "data_offsets": [0, 100]}}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + PREDICTIONS["10"].tobytes())
    with pytest.raises(DataError, match="not a file of predictions"):
        store.predictions(one)


def test_of_runs_that_differ_in_their_recipe_the_reports_is_meant(tmp_path):
    store = Store(tmp_path)
    reports = example("improved", 0, {10: 0.7})
    other = dataclasses.replace(
        reports,
        spec=dataclasses.replace(reports.spec, recipe=ABLATIONS["improved-no_dropout"]),
        readings=tuple(dataclasses.replace(each, switched=None) for each in reports.readings),
    )
    for each in (other, reports):
        store.save(each, {})
    assert store.find("improved-relu-seed0").spec == reports.spec
    assert store.find(other.spec.digest[:6]).spec == other.spec
    store.save(example("improved", 1, {10: 0.7}), {})
    with pytest.raises(UsageError, match="3 runs match"):
        store.find("improved")


def test_a_lock_makes_the_second_wait(tmp_path):
    store, spec = Store(tmp_path), record().spec
    order = []
    inside, leave, waited = threading.Event(), threading.Event(), threading.Event()

    def first():
        with store.lock(spec, lambda _: waited.clear()):
            inside.set()
            leave.wait(5)
            order.append("first")

    def second():
        with Store(tmp_path).lock(spec, lambda _: waited.set()):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    inside.wait(5)
    threads[1].start()
    assert waited.wait(5), "the second says that it waits"
    assert threads[1].is_alive()
    leave.set()
    for thread in threads:
        thread.join(5)
    assert order == ["first", "second"]


def test_predictions_that_are_not_the_records_are_not_believed(tmp_path):
    store, one = Store(tmp_path), record()
    changed = PREDICTIONS["10"].copy()
    changed[3] ^= 1
    for classes, message in [
        ({"10": changed}, "epoch 10: expected predictions uint8 .* with SHA-256"),
        ({"10": PREDICTIONS["10"].view(np.int8)}, "got int8"),
        ({"10": PREDICTIONS["10"].reshape(10, 10)}, r"got uint8 \(10, 10\)"),
        ({"9": PREDICTIONS["10"]}, "expected predictions of epochs 10; got 9"),
        (
            {"10": PREDICTIONS["10"], "9": PREDICTIONS["10"]},
            "expected predictions of epochs 10; got 10, 9",
        ),
        ({}, "expected predictions of epochs 10; got none"),
    ]:
        store.save(one, classes)
        with pytest.raises(DataError, match=message):
            store.predictions(one)


def test_predictions_may_be_a_reading_ahead_of_the_record(tmp_path):
    """They are written first; a kill may fall between the two."""
    store, one = Store(tmp_path), record()
    store.save(one, {**PREDICTIONS, "30": PREDICTIONS["10"]})
    assert list(store.predictions(one)) == ["10"]


def test_what_was_set_aside_is_never_overwritten(tmp_path):
    store, one = Store(tmp_path), record()
    for _ in range(2):
        store.save(one, PREDICTIONS)
        store.set_aside(one.spec)
    shutil.rmtree(store.folder(one.spec) / "before-1")
    store.save(one, {})
    store.set_aside(one.spec)
    kept = store.folder(one.spec)
    assert (kept / "before-2" / "predictions.safetensors").stat().st_size > 100
    assert (kept / "before-1" / "record.json").exists()


def test_what_a_process_killed_at_the_beginning_of_the_store_left_is_removed(tmp_path):
    left = tmp_path / "store.json.999.tmp"
    left.write_bytes(b"half")
    Store(tmp_path).save(record(), PREDICTIONS)
    assert not left.exists()
    assert (tmp_path / "store.json").read_text() == '{"version": 1}\n'


def test_a_run_that_begins_anew_loses_nothing(tmp_path):
    store, one = Store(tmp_path), record()
    for number in (1, 2):
        store.save(one, PREDICTIONS)
        store.checkpoint(one.spec).write_bytes(b"weights")
        before = {p.name: p.read_bytes() for p in store.folder(one.spec).glob("*.*")}
        assert sorted(before) == [
            "checkpoint.safetensors",
            "predictions.safetensors",
            "record.json",
        ]
        with store.lock(one.spec, lambda _: None):
            store.set_aside(one.spec)
            assert (store.folder(one.spec) / "lock").exists(), "it is held"
        assert store.load(one.spec) is None
        kept = store.folder(one.spec) / f"before-{number}"
        assert {p.name: p.read_bytes() for p in kept.iterdir()} == before
    assert store.records() == []


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    store, spec = Store(tmp_path), record().spec
    left = store.folder(spec) / "checkpoint.safetensors.999.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with store.lock(spec, lambda _: None):
        assert not left.exists()


@pytest.mark.slow
def test_processes_that_begin_a_store_together_do_not_trip_over_each_other(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from repro.runs.store import Store; from tests.examples import record\n"
        "seed, start = int(sys.argv[2]), float(sys.argv[3])\n"
        "for trial in range(40):\n"
        "    while time.time() < start + trial * 0.02: pass\n"
        "    Store(Path(sys.argv[1]) / str(trial)).save(record(seed=seed), {})\n"
    )
    start = str(time.time() + 3)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(seed), start], stderr=subprocess.PIPE
        )
        for seed in (0, 1)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()[-500:]
    assert all(len(Store(folder).records()) == 2 for folder in tmp_path.iterdir())


def test_ctrl_c_while_a_file_is_written_leaves_no_part_of_it(tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    path = tmp_path / "submission.csv"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["submission.csv"]
    assert path.read_bytes() == b"old"


def test_a_run_is_removed_whole_and_alone(tmp_path):
    store = Store(tmp_path)
    for seed in (0, 1):
        store.save(record(seed=seed), PREDICTIONS)
    folder = store.folder(record(seed=0).spec)
    (folder / "before-1").mkdir()
    (folder / "before-1" / "record.json").write_text("{}")
    (folder / "record.json").write_text("damaged")
    assert size_of(store, folder.name) >= len("damaged{}")
    remove(store, folder.name)
    assert not folder.exists()
    assert [each.spec.seed for each in store.records()] == [1]


def test_a_run_in_training_is_not_removed(tmp_path):
    store, one = Store(tmp_path), record()
    store.save(one, PREDICTIONS)
    with (
        store.lock(one.spec, lambda _: None),
        pytest.raises(UsageError, match=r"net-relu-seed0-\w+: another process is training it"),
    ):
        remove(store, one.spec.name)
    assert store.records() == [one]
