"""`kernels/cuda` has the bits of the kernels in C: here thread after thread on a CPU."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repro import streams
from repro.data.dataset import synthetic
from repro.errors import TrainingError
from repro.kernels import library, networks
from repro.kernels.binding import Network
from repro.kernels.cuda.group import Group, Member
from repro.kernels.cuda.launches import Tiles
from repro.kernels.cuda.plan import Plan
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training.cuda_engine import Run, Together, kind_of
from repro.training.kernel_engine import KernelTrainer
from tests.bits.test_kernels import CASES, GOLDEN
from tests.kernels.test_specification import drawn_state, pooled, residual, same

DATA = synthetic(train=60, test=10)
IMAGES = np.ascontiguousarray(DATA.train_images.transpose(0, 2, 3, 1))


def group_of(on_cpu, case, seeds=(5,), **more):
    architecture, activation, optimiser, momentum = case
    table = networks.table(architecture, activation)
    rate = 0.001 if optimiser == "adam" else 0.01
    members = [
        Member(table=table, seed=seed, momentum=momentum, learning_rate=rate) for seed in seeds
    ]
    group = Group(
        on_cpu, members, IMAGES, DATA.train_labels, batch=20, capacity=20, optimiser=optimiser,
        **more,
    )  # fmt: skip
    group.load([streams.initial_weights(architecture, 0)] * len(seeds))
    return group


@pytest.mark.slow
@pytest.mark.parametrize(("case", "golden"), list(zip(CASES, GOLDEN, strict=True)))
def test_the_golden_bits(on_cpu, case, golden):
    """Whoever else is trained, and in whichever place."""
    for seeds in ((5,), (4, 5, 9)):
        group = group_of(on_cpu, case, seeds)
        order = np.stack([np.arange(47, dtype=np.int32)[::-1]] * len(seeds))
        losses = group.train(order, epoch=1)
        place = seeds.index(5)
        flat = group.flat(0)[place]
        made = hashlib.sha256(losses[place].tobytes() + flat.tobytes()).hexdigest()[:16]
        assert made == golden
        group.close()


def test_a_neighbour_that_is_no_number_changes_nothing(on_cpu):
    case = CASES[0]
    order = np.stack([np.arange(47, dtype=np.int32)[::-1]] * 3)
    one, other = group_of(on_cpu, case, (5, 5, 5)), group_of(on_cpu, case, (5, 5, 5))
    sick = {n: np.full_like(v, np.nan) for n, v in streams.initial_weights("net", 0).items()}
    other.load([streams.initial_weights("net", 0), sick, streams.initial_weights("net", 0)])
    losses, with_sick = one.train(order, epoch=1), other.train(order, epoch=1)
    assert np.isnan(with_sick[1]).all()
    assert same(losses[[0, 2]], with_sick[[0, 2]])
    assert same(one.flat(0)[[0, 2]], other.flat(0)[[0, 2]])
    for group in (one, other):
        group.close()


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    data=st.data(),
    table=st.one_of(pooled(), residual()),
    batch=st.integers(1, 23),
    images=st.integers(2, 25),
    pixels=st.sampled_from(["symmetric", "unit", "imagenet"]),
    optimiser=st.sampled_from([("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0)]),
    scale=st.sampled_from([0.0, 1e-20, 0.1, 1.0, 1e15, float("nan")]),
    tiles=st.sampled_from([Tiles(), Tiles(images=3, rows=7, windows=2, outputs=1, inputs=4)]),
)
def test_any_network(on_cpu, data, table, batch, images, pixels, optimiser, scale, tiles):
    """As :func:`test_specification.test_any_network`, two runs at a time."""
    seed = data.draw(st.integers(0, 2**31))
    drawn = streams.words(seed, "shuffle", images * int(np.prod(table.image)))
    given_ = (drawn >> np.uint32(24)).astype(np.uint8).reshape(images, *table.image)
    labels = (streams.words(seed, "split", images) % 10).astype(np.uint8)
    order = streams.permutation(images, seed, "shuffle")
    options = {"optimiser": optimiser[0]}
    network = Network(
        library.load(), table, batch=batch, pixels=pixels, momentum=optimiser[1],
        learning_rate=0.1, **options,
    )  # fmt: skip
    state = drawn_state(network, scale)
    network.load(state)
    member = Member(table=table, seed=9, learning_rate=0.1, momentum=optimiser[1], pixels=pixels)
    group = Group(
        on_cpu, [dataclasses.replace(member, seed=3), member], given_, labels, batch=batch,
        capacity=7, tiles=tiles, **options,
    )  # fmt: skip
    group.load([state, state])
    losses = group.train(np.stack([order, order]).astype(np.int32), epoch=2)
    assert same(losses[1], network.train(given_, labels, order, seed=9, epoch=2))
    assert same(group.flat(0)[1], network.flat())
    moments, theirs = network.moments(), group.moments()[1]
    assert moments.keys() == theirs.keys()
    assert all(same(moments[name], theirs[name]) for name in moments)
    predicted = group.predict(pictures=given_, epoch=2, dropout=True)
    assert same(predicted[1], network.predict(given_, seed=9, epoch=2, dropout=True))
    group.close()


def specs_of(*models, seeds=(0, 1), **changes):
    return [
        RunSpec(
            recipe=dataclasses.replace(REPORT_RECIPES[model], readings=(2,), **changes),
            seed=seed,
            device="cpu",
            engine="kernels",
            dataset="synthetic",
        )
        for model in models
        for seed in seeds
    ]


def together_of(specs, data, on_cpu):
    return Together([Run(spec, data.test_labels) for spec in specs], data, on_cpu)


@pytest.mark.parametrize(
    "specs",
    [
        pytest.param(specs_of("net-relu", "net-swish"), id="activations"),
        pytest.param(
            specs_of("net-relu", seeds=(3,), optimiser="adam", learning_rate=0.001, batch_size=32),
            id="adam",
        ),
        pytest.param(
            [*specs_of("net-relu", seeds=(0,)), *specs_of("net-relu", seeds=(0,), jpeg_quality=75)],
            id="jpeg",
        ),
        pytest.param(specs_of("improved"), id="dropout", marks=pytest.mark.slow),
        pytest.param(specs_of("resnet", batch_size=32), id="batch norm", marks=pytest.mark.slow),
    ],
)
def test_a_run_is_the_run_of_a_cpu(on_cpu, specs):
    """Every epoch, reading and number of the checkpoint; batches that are short, too."""
    data = synthetic(train=150, test=60)
    together = together_of(specs, data, on_cpu)
    assert together.train_epoch() == {}
    assert together.train_epoch() == {}
    together.read_test_set()
    for run in together.runs:
        alone = KernelTrainer(run.spec, data)
        alone.train_epoch()
        alone.train_epoch()
        alone.read_test_set()
        assert [dataclasses.replace(each, duration_s=0) for each in run.epochs] == [
            dataclasses.replace(each, duration_s=0) for each in alone.epochs
        ]
        assert run.readings == alone.readings
        state, expected = run.state(), alone.state()
        assert state.keys() == expected.keys()
        assert all(np.array_equal(state[name], expected[name]) for name in expected)
    if specs[0].recipe.architecture == "resnet":
        left_on = together.accuracies_with_batch_norm_left_on(4)
        assert left_on[-1] == alone.accuracy_with_batch_norm_left_on(4)
    together.close()


def test_a_run_that_diverges_stops_alone(on_cpu):
    specs = [
        *specs_of("net-relu", seeds=(0,)),
        *specs_of("net-relu", seeds=(0,), learning_rate=1e30),
    ]
    data = synthetic(train=150, test=60)
    together = together_of(specs, data, on_cpu)
    failed = together.train_epoch()
    assert list(failed) == [specs[1]]
    assert "no longer finite" in str(failed[specs[1]])
    assert list(together.train_epoch()) == []
    together.read_test_set()
    assert [len(run.epochs) for run in together.runs] == [2, 0]
    assert [len(run.readings) for run in together.runs] == [1, 0]
    alone = KernelTrainer(specs[0], data)
    alone.train_epoch()
    assert alone.train_epoch().weights_sha256 == together.runs[0].epochs[-1].weights_sha256
    together.close()


def test_runs_that_cannot_be_together(on_cpu):
    one, other = specs_of("net-relu", seeds=(0,)), specs_of("net-relu", seeds=(0,), batch_size=32)
    assert kind_of(one[0]) == kind_of(*specs_of("net-swish", seeds=(7,), momentum=0.9))
    with pytest.raises(ValueError, match="expected one kind, equally far; got 2 kinds"):
        together_of([*one, *other], synthetic(train=150, test=60), on_cpu)
    with pytest.raises(TrainingError, match="batch norm needs two images"):
        together_of(specs_of("resnet", batch_size=1), synthetic(train=150, test=60), on_cpu)


def test_the_source_depends_on_the_shapes_alone():
    """So that compiled code can be kept: batches, activations and optimisers are arguments."""
    sources = {
        Plan(networks.net(activation), batch=batch, capacity=capacity, optimiser=optimiser).source()
        for activation, batch, capacity, optimiser in (
            ("relu", 20, 100, "sgd"), ("swish", 64, 500, "adam"),
        )
    }  # fmt: skip
    assert len(sources) == 1


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["net", "improved", "resnet"])
def test_the_compiler_for_gpus_takes_it(architecture):
    """For the oldest cards that CUDA 13 knows; no card is needed."""
    pytest.importorskip("cuda.bindings.nvrtc")
    from repro.kernels.cuda.gpu import compiled

    plan = Plan(networks.table(architecture), batch=20, capacity=100)
    code = compiled(plan.source(), "sm_75")
    assert code[:4] == b"\x7fELF"
    assert all(name.encode() in code for name in plan.entries)
