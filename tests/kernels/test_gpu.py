"""What `gpu.py` asks of a driver, with one that is not there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from repro import streams
from repro.data.dataset import synthetic
from repro.errors import TrainingError
from repro.execution import train_job
from repro.execution.messages import Job, Train
from repro.kernels import networks
from repro.kernels.cuda.device import OutOfMemoryError
from repro.kernels.cuda.group import Group, Member
from repro.kernels.cuda.plan import Plan
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from tests.kernels.fake_cuda import Cuda

pytest.importorskip("cuda.bindings.driver")
from repro.kernels.cuda import gpu

DATA = synthetic(train=60, test=10)
IMAGES = np.ascontiguousarray(DATA.train_images.transpose(0, 2, 3, 1))


@pytest.fixture
def cuda(on_cpu, monkeypatch):
    """A function that puts a driver in place."""

    def put(**options):
        made = Cuda(on_cpu, **options)
        monkeypatch.setattr(gpu, "driver", made.driver)
        monkeypatch.setattr(gpu, "nvrtc", made.nvrtc)
        return made

    return put


def group_on(device, runs=2):
    members = [Member(table=networks.net(), seed=seed) for seed in range(runs)]
    group = Group(device, members, IMAGES, DATA.train_labels, batch=20, capacity=20)
    group.load([streams.initial_weights("net", 0)] * runs)
    return group


ORDER = np.stack([np.arange(60, dtype=np.int32)] * 2)


def test_a_step_is_recorded_once_and_replayed_without_another_call(cuda):
    there = cuda()
    group = group_on(gpu.Gpu())
    group.train(ORDER, epoch=1)
    there.calls.clear()
    group.train(ORDER, epoch=2)
    assert there.calls.count("cuGraphLaunch") == 3
    first = there.calls.index("cuGraphLaunch")
    assert there.calls[first : first + 3] == ["cuGraphLaunch"] * 3
    assert "cuStreamBeginCapture" not in there.calls
    assert "cuMemAlloc" not in there.calls
    group.close()


def test_the_recorded_step_has_the_bits_of_the_launched_one(cuda, on_cpu):
    cuda()
    one, other = group_on(gpu.Gpu()), group_on(on_cpu)
    assert np.array_equal(one.train(ORDER, epoch=1), other.train(ORDER, epoch=1))
    assert np.array_equal(one.flat(0), other.flat(0))
    one.close()
    other.close()


def test_ten_groups_take_the_memory_of_one(cuda):
    there, device = cuda(), None
    for _ in range(10):
        device = device or gpu.Gpu()
        group = group_on(device)
        group.train(ORDER, epoch=1)
        group.close()
        assert (there.in_use, there.graphs) == (0, 0)
    assert there.compiled == 1


def test_nothing_is_left_of_a_group_that_has_no_room(cuda):
    there = cuda(memory=500_000)
    with pytest.raises(OutOfMemoryError, match=r"^Fake H100: expected \d+\.\d GB of free memory"):
        group_on(gpu.Gpu())
    assert there.in_use == 0


def test_machine_code_is_kept_and_made_again_where_it_is_damaged(cuda, tmp_path):
    there = cuda()
    source = Plan(networks.net(), batch=20, capacity=20).source()
    entries = Plan(networks.net(), batch=20, capacity=20).entries
    for _ in range(2):
        gpu.Gpu(cache=tmp_path).compile(source, entries)
        assert there.compiled == 1
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"damaged")
    gpu.Gpu(cache=tmp_path).compile(source, entries)
    assert there.compiled == 2
    assert kept.read_bytes().startswith(b"\x7fELF")


def test_a_card_that_the_compiler_does_not_know(cuda):
    cuda(capability=(7, 0))
    with pytest.raises(TrainingError, match=r"^the kernels do not compile for sm_70: nvrtc: error"):
        group_on(gpu.Gpu())
    with pytest.raises(SystemExit, match="do not compile for sm_70"):
        gpu.main()


def test_a_card_that_can_be_used_and_one_that_is_not_there(cuda, capsys):
    cuda(cards=("Fake H100", "Fake A100"))
    gpu.main()
    assert capsys.readouterr().out == "0 Fake H100\n1 Fake A100\n"
    assert gpu.Gpu(1).name == "Fake A100"
    with pytest.raises(TrainingError, match="the GPU's driver answers CUDA_ERROR_INVALID_DEVICE"):
        gpu.Gpu(2)


def test_a_card_that_cannot_be_used_does_not_hide_another(cuda, capsys, monkeypatch):
    cuda(cards=("Fake V100", "Fake H100"))
    tried = gpu._try

    def fail(number):
        if number == 0:
            raise TrainingError("it is used by another")
        return tried(number)

    monkeypatch.setattr(gpu, "_try", fail)
    gpu.main()
    assert capsys.readouterr().out == "1 Fake H100\n"


def test_a_driver_that_cannot_be_loaded(cuda, monkeypatch):
    there = cuda()

    def missing(flags):
        raise RuntimeError("libcuda.so.1")

    monkeypatch.setattr(there.driver, "cuInit", missing)
    with pytest.raises(TrainingError, match="NVIDIA's driver cannot be loaded; `nvidia-smi` shows"):
        gpu.Gpu()


@pytest.mark.slow
def test_runs_that_do_not_fit_together_are_trained_in_turn(cuda, monkeypatch, tmp_path):
    """To the same bits, of course."""
    recipe = dataclasses.replace(REPORT_RECIPES["net-relu"], batch_size=100)
    specs = [RunSpec(recipe=recipe, seed=seed, dataset="synthetic") for seed in range(5)]
    one = Plan(networks.net(), batch=100, capacity=500).bytes
    there = cuda(memory=int(2.5 * one) + 10_000_000)
    monkeypatch.setattr(train_job, "gpu", lambda _, number: gpu.Gpu(number))
    first, *others = specs
    action = Train(epochs=1, others=tuple((spec, 1) for spec in others))
    train_job.train_together(
        Job(spec=first, action=action, store=str(tmp_path / "gpu"), home="", device="cuda"),
        lambda event: None,
    )
    assert there.in_use == 0
    for spec in specs:
        job = Job(spec=spec, action=Train(epochs=1), store=str(tmp_path / "cpu"), home="")
        train_job.train(job, 1, lambda event: None)
        one_record, other = (Store(tmp_path / at).load(spec) for at in ("gpu", "cpu"))
        assert one_record.epochs[0].weights_sha256 == other.epochs[0].weights_sha256
    assert all(len(Store(tmp_path / "gpu").load(spec).epochs) == 1 for spec in specs)
