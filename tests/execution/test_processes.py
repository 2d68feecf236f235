from __future__ import annotations

import dataclasses
import os
import queue
import signal
import subprocess
import sys

import msgspec
import pytest

from repro.data.dataset import synthetic
from repro.errors import DataError, UsageError
from repro.execution import devices, endings, processes
from repro.execution.devices import default_workers
from repro.execution.messages import (
    AnyEvent,
    EpochDone,
    Failed,
    Finished,
    Job,
    Noted,
    Started,
    Stepped,
    Train,
    decode_job,
    encode_event,
    encode_job,
)
from repro.execution.ray_cluster import RayCluster
from repro.execution.scheduler import Task, allocate, estimate_s, run
from repro.paths import IMPORT_ROOT, import_code
from repro.runs.records import parse
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training.kernel_engine import KernelTrainer
from tests.forgery import forge_checkpoint, put
from tests.processes import children


def spec_of(model="net-relu", seed=0, dataset="synthetic"):
    return RunSpec(recipe=REPORT_RECIPES[model], seed=seed, dataset=dataset)


def do(tmp_path, *tasks, workers=1, on_event=None):
    events = []

    def keep(event):
        events.append(event)
        if on_event:
            on_event(event)

    failures = run(
        [Task(spec=spec, epochs=epochs) for spec, epochs in tasks],
        store=tmp_path / "store", home=tmp_path / "home", workers=workers, on_event=keep,
    )  # fmt: skip
    return failures, events


def digests(tmp_path, spec):
    return [each.weights_sha256 for each in Store(tmp_path / "store").load(spec).epochs]


@pytest.fixture(scope="module")
def expected():
    """The weights' digests of two short runs, trained in this process."""
    out = {}
    for model in ("net-relu", "improved"):
        trainer = KernelTrainer(spec_of(model), synthetic())
        for _ in range(2):
            trainer.train_epoch()
        out[model] = [record.weights_sha256 for record in trainer.epochs]
    return out


@pytest.mark.slow
def test_two_workers_a_hostile_caller_and_one_process_give_the_same_bits(
    tmp_path, expected, monkeypatch
):
    for name, value in {
        "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "MKL_CBWR": "AVX512",
        "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_DYNAMIC": "TRUE",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    tasks = [(spec_of(model), 2) for model in expected]
    failures, events = do(tmp_path, *tasks, workers=2)
    assert not failures
    for model, values in expected.items():
        assert digests(tmp_path, spec_of(model)) == values
    mine = [
        event for event in events if event.run == spec_of().name and not isinstance(event, Stepped)
    ]
    assert [type(event) for event in mine] == [Started, EpochDone, EpochDone, Finished]
    assert any(isinstance(event, Stepped) for event in events)

    again, events = do(tmp_path, *tasks)
    assert not again
    assert {type(event) for event in events} == {Finished}, "nothing is trained twice"


@pytest.mark.slow
def test_a_stopped_run_goes_on_from_its_last_epoch(tmp_path, expected):
    def stop(event):
        if isinstance(event, EpochDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, (spec_of(), 10_000), on_event=stop)
    assert not children(), "no worker outlives its caller's interrupt"
    failures, _ = do(tmp_path, (spec_of(), 2))
    assert not failures
    assert digests(tmp_path, spec_of())[:2] == expected["net-relu"]


class Interrupting:
    """Sends Ctrl-C while it is being destroyed, where an exception would be lost."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def sigint():
    """Gives Ctrl-C its meaning, which a test run in the background of a shell lacks."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_ignored_signal_stays_ignored(tmp_path, sigint):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    failures, _ = do(
        tmp_path, (spec_of(), 1), on_event=lambda _: signal.raise_signal(signal.SIGINT)
    )
    assert not failures
    assert len(digests(tmp_path, spec_of())) == 1


def test_ctrl_c_is_heard_wherever_it_falls(tmp_path, sigint):
    events = []

    def interrupt(event):
        if isinstance(event, EpochDone):
            events.append(event)
            Interrupting()

    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, (spec_of(), 10_000), on_event=interrupt)
    assert not children()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(Store(tmp_path / "store").load(spec_of()).epochs) >= len(events) >= 1


def test_ctrl_c_after_the_last_event_is_heard_too(tmp_path, sigint):
    def interrupt(event):
        if isinstance(event, Finished):
            Interrupting()

    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, (spec_of(), 1), on_event=interrupt)


@pytest.mark.slow
def test_a_killed_worker_is_a_failure_that_the_next_call_mends(tmp_path, expected):
    def kill(event):
        if isinstance(event, EpochDone):
            for pid in children():
                os.kill(pid, signal.SIGKILL)

    failures, _ = do(tmp_path, (spec_of(), 10_000), on_event=kill)
    assert len(failures) == 1
    assert "killed (out of memory?); run the same command again" in failures[0].message
    Store(tmp_path / "store").records()
    assert not do(tmp_path, (spec_of(), 2))[0]
    assert digests(tmp_path, spec_of())[:2] == expected["net-relu"]


@pytest.mark.slow
def test_missing_data_fails_that_run_with_its_code_and_stops_no_other(tmp_path):
    failures, events = do(tmp_path, (spec_of(dataset="cifar10"), 1), (spec_of(), 1))
    assert [(f.run, f.problem) for f in failures] == [(spec_of(dataset="cifar10").name, "data")]
    assert "`repro data fetch` gets it" in failures[0].message
    assert Finished(run=spec_of().name) in events


@pytest.mark.slow
def test_a_checkpoint_of_other_arithmetic_is_set_aside_and_not_mixed_with_this_one(
    tmp_path, expected
):
    do(tmp_path, (spec_of(), 1))
    store = Store(tmp_path / "store")
    forge_checkpoint(
        store.checkpoint(spec_of()),
        lambda fields: put(fields, ("environment", "kernels"), "99, cpu"),
    )
    failures, events = do(tmp_path, (spec_of(), 2))
    assert not failures
    (note,) = [event.message for event in events if isinstance(event, Noted)]
    assert (
        "begins anew, the old run is kept: it was begun with kernels 99, cpu; this is kernels 1"
        in note
    )
    assert digests(tmp_path, spec_of()) == expected["net-relu"]
    kept = store.folder(spec_of()) / "before-1"
    assert len(parse((kept / "record.json").read_bytes(), kept).epochs) == 1


@pytest.mark.slow
def test_the_test_set_is_read_at_the_tables_epochs_however_a_run_is_asked_for(tmp_path):
    for epochs in (9, 11):
        do(tmp_path, (spec_of(), epochs))
    record = Store(tmp_path / "store").load(spec_of())
    assert [reading.epoch for reading in record.readings] == [10]


@pytest.mark.slow
def test_files_in_the_callers_folder_and_chatty_libraries_do_no_harm(
    tmp_path, expected, monkeypatch
):
    (tmp_path / "here").mkdir()
    for name in ("torch.py", "random.py", "repro.py"):
        (tmp_path / "here" / name).write_text("raise SystemExit('a file of the user')\n")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("ONEDNN_VERBOSE", "1")
    failures, _ = do(tmp_path, (spec_of(), 1))
    assert not failures
    assert digests(tmp_path, spec_of()) == expected["net-relu"][:1]


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, harm):
    do(tmp_path, (spec_of(), 1))
    path = Store(tmp_path / "store").checkpoint(spec_of())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data[:100] if harm == "cut" else data)
    failures, _ = do(tmp_path, (spec_of(), 2))
    assert "checkpoint" in failures[0].message
    assert "\n" not in failures[0].message


def test_a_worker_that_cannot_start_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    failures, _ = do(tmp_path, (spec_of(), 1))
    assert failures[0].message == "its process ended with code 1: no message"
    missing = str(tmp_path / "none" / "python")
    monkeypatch.setattr(sys, "executable", missing)
    failures, _ = do(tmp_path, (spec_of(), 1))
    assert isinstance(failures[0], Failed)
    assert missing in failures[0].message


def test_a_task_needs_an_epoch():
    with pytest.raises(ValueError, match="epochs: expected an integer from 1"):
        Task(spec=spec_of(), epochs=0)


def test_an_estimate_is_the_longest_run_or_the_shared_work():
    net, resnet = Task(spec=spec_of(), epochs=10), Task(spec=spec_of("resnet"), epochs=10)
    assert estimate_s([resnet, net], 2) == estimate_s([resnet], 1)
    assert estimate_s([net] * 4, 2) == pytest.approx(2 * estimate_s([net], 1))
    assert estimate_s([], 2) == 0


def tasks_of(*models, engine="kernels"):
    return [
        Task(
            spec=RunSpec(recipe=REPORT_RECIPES[model], seed=n, engine=engine),
            epochs=10 if model == "resnet" else 100,
        )
        for n, model in enumerate(models)
    ]


ALL = ("net-relu", "net-leaky_relu", "net-swish", "improved", "resnet")


@pytest.mark.parametrize(
    ("models", "cores", "expected"),
    [
        (["net-relu"], 1, (1, 1)),
        (["net-relu"], 2, (1, 2)),
        (["net-relu"] * 2, 2, (2, 1)),
        (["net-relu"] * 2, 4, (2, 2)),
        (["net-relu"] * 25, 4, (4, 1)),
        (["net-relu", "improved"], 2, (1, 2)),  # else a core waits for ImprovedNet
        (ALL, 2, (1, 2)),
        (ALL * 5, 2, (2, 1)),
        (["net-relu"], 64, (1, 8)),
    ],
)
def test_cores_are_given_to_runs_so_that_all_are_done_soonest(monkeypatch, models, cores, expected):
    monkeypatch.setattr("repro.execution.scheduler.cores", lambda: cores)
    assert allocate(tasks_of(*models)) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"workers": 1}, (1, 4)),
        ({"workers": 2}, (2, 2)),
        ({"workers": 9}, (5, 1)),
        ({"threads": 1}, (4, 1)),
        ({"threads": 3}, (1, 3)),
        ({"workers": 2, "threads": 7}, (2, 7)),
    ],
)
def test_what_is_asked_for_is_what_runs_get(monkeypatch, given, expected):
    monkeypatch.setattr("repro.execution.scheduler.cores", lambda: 4)
    assert allocate(tasks_of(*ALL), **given) == expected


def test_torch_computes_on_one_core(monkeypatch):
    monkeypatch.setattr("repro.execution.scheduler.cores", lambda: 4)
    assert allocate(tasks_of("net-relu", engine="torch")) == (1, 1)
    assert allocate(tasks_of(*ALL, engine="torch")) == (4, 1)
    with pytest.raises(UsageError, match="--threads 2: expected runs of the kernels"):
        allocate(tasks_of("net-relu", engine="torch"), threads=2)


@pytest.mark.parametrize("threads", [1, 3])
def test_runs_get_their_threads_and_the_same_bits(tmp_path, expected, threads):
    failures = run(
        [Task(spec=spec_of(), epochs=1)], store=tmp_path / "store", home=tmp_path, workers=1,
        threads=threads, on_event=lambda _: None,
    )  # fmt: skip
    assert not failures
    assert digests(tmp_path, spec_of()) == expected["net-relu"][:1]


def test_a_cpu_gets_a_run_a_core_and_an_accelerator_one():
    assert default_workers("cpu") == len(os.sched_getaffinity(0))
    assert default_workers("cuda") == 1


def test_runs_of_another_engine_have_another_name():
    assert dataclasses.replace(spec_of(), engine="torch").name != spec_of().name


class Elsewhere:
    """An executor that finishes the first job and cannot keep what comes of the others."""

    def __init__(self):
        self.jobs = []

    def do(self, job, put):
        self.jobs.append(job)
        if len(self.jobs) > 1:
            raise DataError("the disk is full")
        put(Finished(run=job.spec.name))

    def stop(self):
        pass


def test_another_executor_gets_the_jobs_and_its_errors_keep_their_kind(tmp_path):
    executor = Elsewhere()
    failures = run(
        [Task(spec=spec_of(seed=seed), epochs=1) for seed in range(3)],
        store=tmp_path, home=tmp_path, workers=1, on_event=lambda _: None, executor=executor,
    )  # fmt: skip
    assert [job.spec.seed for job in executor.jobs] == [0, 1, 2]
    assert [(each.message, each.problem) for each in failures] == [("the disk is full", "data")] * 2


class Everywhere(Elsewhere):
    """An executor that finishes every job."""

    def do(self, job, put):
        self.jobs.append(job)
        for spec in job.specs:
            put(Finished(run=spec.name))


def test_each_card_trains_a_share_of_the_runs(tmp_path):
    executor = Everywhere()
    tasks = [
        Task(spec=RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=seed), epochs=1, device="cuda")
        for seed in range(5)
    ]
    failures = run(
        tasks, store=tmp_path, home=tmp_path, workers=2, on_event=lambda _: None,
        executor=executor, cards=(0, 3),
    )  # fmt: skip
    assert not failures
    shares = {job.action.card: len(job.specs) for job in executor.jobs}
    assert shares == {0: 3, 3: 2}


def test_a_cluster_without_ray_is_a_usage_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"needs Ray: .*pins.txt '\.\[ray\]'"):
        RayCluster()


@pytest.mark.parametrize("text", ["hello", "hello\\n", '{"type": "Finished"}\\n'])
def test_what_python_prints_as_it_starts_is_no_message(tmp_path, monkeypatch, text):
    """A sitecustomize.py, as some institutions have."""
    (tmp_path / "sitecustomize.py").write_text(f"print('{text}', end='', flush=True)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    heard = []
    failures = run(
        [Task(spec=spec_of(), epochs=1)], store=tmp_path / "store", home=tmp_path, workers=1,
        on_event=heard.append,
    )  # fmt: skip
    assert not failures
    assert [type(each) for each in heard][-1] is Finished
    assert len(Store(tmp_path / "store").load(spec_of()).epochs) == 1


NAMES = ["caf\udce9", "数据 100%25", "a'b\\c"]
"""The first is no text in UTF-8; "/" and NUL alone are in no name."""


@pytest.mark.parametrize("name", NAMES)
def test_a_job_has_any_name_of_a_file_and_a_message_says_it(name):
    job = Job(spec=spec_of(), action=Train(epochs=1), store=f"/s/{name}", home=f"/h/{name}")
    assert decode_job(encode_job(job)) == job
    event = msgspec.json.decode(
        encode_event(Noted(run="r", message=f"{name}: kept")), type=AnyEvent
    )
    assert event.message == f"{name}: kept".replace("\udce9", "\\udce9")


@pytest.mark.parametrize("name", NAMES)
def test_runs_are_trained_wherever_the_home_is(tmp_path, name):
    try:
        (tmp_path / name).mkdir()
    except (OSError, UnicodeError) as error:
        pytest.skip(f"this file system has no such name: {error}")
    failures, _ = do(tmp_path / name, (spec_of(), 1))
    assert not failures
    assert len(digests(tmp_path / name, spec_of())) == 1


def test_waiting_for_what_comes_next_is_never_without_an_end(monkeypatch):
    """Windows hears no Ctrl-C meanwhile."""
    waited = []

    class Events:
        def get(self, timeout):
            waited.append(timeout)
            if len(waited) < 3:
                raise queue.Empty
            return "heard"

    assert processes._next(Events()) == "heard"
    assert waited == [processes._POLL_S] * 3


def test_a_worker_that_ended_at_once_says_why_whatever_its_pipe_says(tmp_path, monkeypatch):
    """Windows calls a pipe that nobody reads an invalid argument."""
    monkeypatch.setattr(processes, "worker_code", lambda _: "raise SystemExit('it cannot start')")
    held = subprocess.Popen

    class Broken(held):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            self.wait()
            self.stdin.close()
            self.stdin = self

        def write(self, _data):
            raise OSError(22, "Invalid argument")

        def close(self):
            """It is closed."""

    monkeypatch.setattr(processes.subprocess, "Popen", Broken)
    (failed,) = do(tmp_path, (spec_of(), 1))[0]
    assert "it cannot start" in failed.message


def test_a_safe_path_loses_none_of_the_callers_folders(tmp_path):
    """With PYTHONSAFEPATH nothing stands before the folders of PYTHONPATH, which may have torch."""
    folders = [tmp_path / "one", tmp_path / "two"]
    code = f"{import_code()}print(*sys.path)"
    for safe in ({}, {"PYTHONSAFEPATH": "1"}):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), **safe},
        )  # fmt: skip
        path = done.stdout.split()
        assert path[:3] == [str(IMPORT_ROOT), *map(str, folders)]
        assert "" not in path


def test_an_ignored_sigchld_hides_no_end_of_a_process(tmp_path):
    """A parent that ignores it hands that on, and then no process has an exit status."""
    code = (
        "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "sys.argv = ['repro', '--version']; from repro.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=IMPORT_ROOT
    )
    assert done.stdout.split()[-1] == "True"


@pytest.mark.slow
def test_a_run_on_the_cpu_imports_no_torch(tmp_path):
    """Read off the worker itself, once it has trained, predicted and saved."""
    code = processes.worker_code("kernels")
    told = code.replace("sys.stderr.flush()", "print(*sys.modules, file=sys.stderr, flush=True)")
    assert told != code
    action = Train(epochs=10)
    job = Job(spec=spec_of("improved"), action=action, store=str(tmp_path), home=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", told], input=encode_job(job), capture_output=True,
        check=True,
    )  # fmt: skip
    modules = set(done.stderr.decode().split())
    assert "repro.training.kernel_engine" in modules
    assert not modules & {"torch", "torchvision", "pandas", "scipy", "matplotlib", "rich"}
    assert Store(tmp_path).load(spec_of("improved")).accuracy_at(10) is not None


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "Traceback (most recent call last):\n  File x\ntorch.AcceleratorError: CUDA error: no "
            "kernel image is available\nSearch for `cudaErrorNoKernelImage' in https://docs.nvidia.com\n",
            "torch.AcceleratorError: CUDA error: no kernel image is available",
        ),
        ("ValueError: first\nDuring handling:\nKeyError: 'second'\n", "KeyError: 'second'"),
        ("Killed\nout of space\n\n", "out of space"),
    ],
)
def test_the_cause_is_what_was_raised_and_all_that_was_said_is_kept(tmp_path, text, cause):
    assert endings.cause_of(1, text) == f"its process ended with code 1: {cause}"
    path = tmp_path / "logs" / "run.txt"
    assert endings.keep_errors(text.encode(), path) == f" (all it said: {path})"
    assert path.read_text() == text
    assert endings.keep_errors(b" \n", path) == ""
    assert endings.keep_errors(b"text", path / "under" / "a file") == ""


@pytest.mark.parametrize(
    ("status", "text", "cause"),
    [
        (1, "Traceback\nMemoryError\n", "out of memory (MemoryError); train fewer runs"),
        (1, "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", "out of memory"),
        (1, "OpenBLAS error: Memory allocation still failed after 10 retries", "out of memory"),
        (-6, "terminate called after throwing std::bad_alloc", "its process was ended by SIGABRT"),
        (-9, "", "killed (out of memory?); run the same command again to resume, with fewer runs"),
        (-40, "", "its process was ended by signal 40"),
    ],
)
def test_a_process_without_memory_is_named_as_such_with_what_to_do(status, text, cause):
    assert cause in endings.cause_of(status, text)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit addresses")
def test_a_run_without_memory_is_one_line_and_the_next_call_mends_it(tmp_path, monkeypatch):
    """However little it has: the limit is set in the worker, so that this process keeps its own."""
    code, said = processes.worker_code("kernels"), []
    for megabytes in (0, 1, 4, 16, 64):
        limit = (
            "import resource; from repro.execution.worker import main; "
            "pages = int(open('/proc/self/statm').read().split()[0]); "
            f"most = pages * resource.getpagesize() + ({megabytes} << 20); "
            "resource.setrlimit(resource.RLIMIT_AS, (most, most)); code = main()"
        )
        limited = code.replace("code = main()", limit)
        monkeypatch.setattr(processes, "worker_code", lambda _, limited=limited: limited)
        said += [each.message for each in do(tmp_path, (spec_of(), 1))[0]]
    assert said
    for message in said:
        assert message.startswith("out of memory"), message
        assert "run the same command again to resume" in message
    monkeypatch.undo()
    assert not do(tmp_path, (spec_of(), 1))[0]
    assert len(digests(tmp_path, spec_of())) == 1


@pytest.fixture
def asked_anew():
    """What was found out about this machine's GPU is forgotten before and after."""
    devices.try_gpus.cache_clear()
    yield
    devices.try_gpus.cache_clear()


def test_without_a_driver_nothing_is_started(asked_anew, monkeypatch):
    monkeypatch.setattr(devices, "_has_driver", lambda: False)
    monkeypatch.setattr(devices.subprocess, "run", lambda *_, **__: pytest.fail("started"))
    assert devices.try_gpus() == ((), "no NVIDIA GPU is here")
    assert devices.default_workers("cuda") == 1
    assert not devices.has_cuda()


@pytest.mark.parametrize(
    ("code", "stderr", "found"),
    [
        (0, "", (((0, "Fake H100"), (2, "Fake H100")), "")),
        (1, "a warning\nthe driver cannot be loaded\n\n", ((), "the driver cannot be loaded")),
        (-11, "", ((), "trying it ended with code -11")),
    ],
)
def test_a_card_is_tried_in_another_process(asked_anew, monkeypatch, code, stderr, found):
    """Python may print something as it starts: a sitecustomize.py does."""
    monkeypatch.setattr(devices, "_has_driver", lambda: True)
    said = f"welcome to our cluster\n3 messages{devices._FOLLOW}\n0 Fake H100\n2 Fake H100\n"
    done = subprocess.CompletedProcess([], code, said, stderr)
    monkeypatch.setattr(devices.subprocess, "run", lambda *_, **__: done)
    assert devices.try_gpus() == found
    assert devices.has_cuda() == (code == 0)
    assert devices.gpu_names() == ("2 x Fake H100" if code == 0 else "")
    assert devices.default_workers("cuda") == (2 if code == 0 else 1)


def test_trying_a_card_ends_with_a_reason_or_well(tmp_path):
    """Whatever this machine has."""
    code = f"{import_code()}from repro.kernels.cuda.gpu import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stderr.strip()) == (done.returncode == 1)
