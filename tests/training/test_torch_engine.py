from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch
from torchvision import transforms

from repro.data.dataset import Dataset, synthetic
from repro.errors import DataError, TrainingError
from repro.execution import golden
from repro.networks.models import build
from repro.paths import IMPORT_ROOT
from repro.spec import REPORT_RECIPES, Recipe, RunSpec
from repro.streams import initial_weights, order, split
from repro.training.kernel_engine import KernelTrainer
from repro.training.torch_engine import Trainer, to_input, weights_digest
from tests.numpy_net import loss_and_gradients

DATA = synthetic(train=150, test=40)


QUICK_FIRST = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "resnet" else [])
    for name in REPORT_RECIPES
]
"""The report's models; ResNet takes seconds."""


@pytest.fixture(params=["kernels", "torch"])
def engine(request):
    """What is said of a run holds for both engines."""
    return request.param


@pytest.fixture
def spec_of(engine):
    """A run of Net by the engine, with changes to its recipe."""

    def make(seed=0, **changes):
        recipe = Recipe(**{"architecture": "net", **changes})
        return RunSpec(recipe=recipe, seed=seed, engine=engine, dataset="synthetic")

    return make


def begin(spec, data=DATA):
    """The run before its first epoch, by its engine."""
    return (KernelTrainer if spec.engine == "kernels" else Trainer)(spec, data)


def weights(trainer):
    """The weights of a run as float64, whatever engine trains it."""
    state = trainer.state()
    return {n[6:]: a.astype(float) for n, a in state.items() if n.startswith("model.")}


def trained(spec, epochs, data=DATA):
    trainer = begin(spec, data)
    for _ in range(epochs):
        trainer.train_epoch()
    return trainer


def digests(trainer):
    return [record.weights_sha256 for record in trainer.epochs]


def head(data, count):
    return Dataset(
        train_images=data.train_images[:count], train_labels=data.train_labels[:count],
        test_images=data.test_images, test_labels=data.test_labels,
    )  # fmt: skip


def test_one_step_is_the_step_computed_by_hand_in_numpy(spec_of):
    data, seed = head(DATA, 25), 7
    spec = spec_of(seed, batch_size=20, learning_rate=0.05)
    start = {name: each.astype(float) for name, each in initial_weights("net", seed).items()}
    train, _ = split(25, seed)
    assert len(train) == 20, "one batch is the whole epoch"
    x = (data.train_images[train] / 255 - 0.5) / 0.5
    loss, gradients = loss_and_gradients(start, x, data.train_labels[train].astype(int))

    trainer = trained(spec, 1, data)
    assert trainer.epochs[0].train_loss == pytest.approx(loss, rel=1e-6)
    assert trainer.epochs[0].last_batch_loss == pytest.approx(loss, rel=1e-6)
    for name, value in weights(trainer).items():
        step = (start[name] - value) / 0.05
        np.testing.assert_allclose(step, gradients[name], rtol=2e-3, atol=3e-6, err_msg=name)


def test_ten_epochs_on_one_batch_follow_numpy(spec_of):
    data, seed = head(DATA, 25), 3
    spec = spec_of(seed, batch_size=20, learning_rate=0.1)
    values = {name: each.astype(float) for name, each in initial_weights("net", seed).items()}
    train, _ = split(25, seed)
    x = (data.train_images[train] / 255 - 0.5) / 0.5
    trainer = begin(spec, data)
    for _ in range(10):
        loss, gradients = loss_and_gradients(values, x, data.train_labels[train].astype(int))
        values = {name: value - 0.1 * gradients[name] for name, value in values.items()}
        assert trainer.train_epoch().train_loss == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("pixels", ["unit", "symmetric", "imagenet"])
def test_pixels_have_the_bits_of_torchvisions_transforms(pixels):
    image = DATA.train_images[0]
    steps = [transforms.ToTensor()]
    if pixels == "symmetric":
        steps.append(transforms.Normalize((0.5,) * 3, (0.5,) * 3))
    if pixels == "imagenet":
        steps.append(transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = transforms.Compose(steps)(image.transpose(1, 2, 0))
    obtained = to_input(torch.from_numpy(image[None]), pixels)[0]
    assert torch.equal(obtained, expected)


def test_an_epoch_sees_every_training_image_once_and_no_other(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "repro.training.torch_engine.to_input",
        lambda x, p: (seen.append(x.clone()), to_input(x, p))[1],
    )
    recipe = Recipe(architecture="net", batch_size=32)
    trainer = Trainer(RunSpec(recipe=recipe, seed=2, engine="torch", dataset="synthetic"), DATA)
    trainer.train_epoch()
    train, validation = split(150, 2)
    batches, rest = seen[:4], seen[4:]
    assert [len(batch) for batch in batches] == [32, 32, 32, 24]
    as_bytes = sorted(image.numpy().tobytes() for batch in batches for image in batch)
    assert as_bytes == sorted(image.tobytes() for image in DATA.train_images[train])
    assert [image.numpy().tobytes() for batch in rest for image in batch] == [
        image.tobytes() for image in DATA.train_images[validation]
    ]


def test_train_loss_weighs_images_alike_where_the_last_batch_is_small(spec_of):
    trainer = begin(spec_of(batch_size=64, learning_rate=1e-12), DATA)
    record = trainer.train_epoch()
    images, labels = DATA.train_images[split(150, 0)[0]], DATA.train_labels[split(150, 0)[0]]
    model = build(Recipe(architecture="net"), seed=0)
    model.load_state_dict({n: torch.from_numpy(a).float() for n, a in weights(trainer).items()})
    logits = model(to_input(torch.from_numpy(images), "symmetric"))
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels).long())
    assert record.train_loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", QUICK_FIRST)
def test_the_same_spec_gives_the_same_bits_and_another_seed_others(name, engine):
    data = head(DATA, 25)
    spec = RunSpec(recipe=REPORT_RECIPES[name], seed=0, engine=engine, dataset="synthetic")
    first, again = trained(spec, 2, data), trained(spec, 2, data)
    other = trained(dataclasses.replace(spec, seed=1), 2, data)
    assert digests(first) == digests(again)
    assert not set(digests(first)) & set(digests(other))
    assert first.read_test_set() == again.read_test_set()


@pytest.mark.parametrize("field", ["seed", "activation", "learning_rate", "batch_size", "pixels"])
def test_every_choice_reaches_the_weights(field, spec_of):
    changes = {
        "seed": 1,
        "activation": "swish",
        "learning_rate": 0.02,
        "batch_size": 10,
        "pixels": "unit",
    }
    assert digests(trained(spec_of(), 1)) != digests(trained(spec_of(**{field: changes[field]}), 1))


def test_the_optimiser_and_momentum_reach_the_weights(spec_of):
    plain = digests(trained(spec_of(), 1))
    momentum = digests(trained(spec_of(momentum=0.9), 1))
    adam = digests(trained(spec_of(optimiser="adam", learning_rate=0.001), 1))
    assert len({*plain, *momentum, *adam}) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"momentum": 0.9},
        {"optimiser": "adam", "learning_rate": 1e-3},
        pytest.param({"architecture": "improved"}, marks=pytest.mark.slow),
    ],
)
def test_resuming_is_the_uninterrupted_run(changes, spec_of):
    spec = spec_of(**changes)
    whole = trained(spec, 4)
    whole.read_test_set()
    part = trained(spec, 2)
    part.read_test_set()
    resumed = begin(spec, DATA)
    resumed.restore(part.state(), tuple(part.epochs), tuple(part.readings))
    np.testing.assert_array_equal(resumed.predictions["2"], part.predictions["2"])
    for _ in range(2):
        resumed.train_epoch()
    assert digests(resumed) == digests(whole)
    assert resumed.read_test_set() == whole.readings[-1]


def test_a_short_run_is_the_beginning_of_a_long_one(spec_of):
    assert digests(trained(spec_of(), 2)) == digests(trained(spec_of(), 5))[:2]


@pytest.mark.slow
def test_reading_the_test_set_changes_nothing_that_is_trained(spec_of):
    spec = spec_of(architecture="improved", dropout_at_prediction=True)
    quiet = trained(spec, 3)
    read = begin(spec, DATA)
    for _ in range(3):
        read.train_epoch()
        read.read_test_set()
    assert digests(quiet) == digests(read)


def test_the_global_generator_has_no_part_in_training(spec_of):
    torch.manual_seed(0)
    first = trained(spec_of(architecture="improved"), 1)
    torch.manual_seed(99)
    torch.rand(7)
    assert digests(first) == digests(trained(spec_of(architecture="improved"), 1))


@pytest.mark.slow
def test_dropout_at_prediction_changes_predictions_and_not_training(spec_of):
    learned = {"architecture": "improved", "learning_rate": 0.02, "momentum": 0.9}
    off = trained(spec_of(**learned), 8)
    on = trained(spec_of(**learned, dropout_at_prediction=True), 8)
    assert digests(off) == digests(on)
    one, other = off.read_test_set(), on.read_test_set()
    assert one.predictions_sha256 != other.predictions_sha256
    assert (one.switched.accuracy, one.switched.predictions_sha256) == (
        other.accuracy, other.predictions_sha256,
    ), "each is what the other reads with dropout switched"  # fmt: skip
    assert (one.accuracy, one.predictions_sha256) == (
        other.switched.accuracy, other.switched.predictions_sha256,
    )  # fmt: skip
    assert on.epochs[-1].validation_loss != off.epochs[-1].validation_loss


def test_a_reading_counts_right_predictions(spec_of):
    trainer = trained(spec_of(), 1)
    reading = trainer.read_test_set()
    assert reading.accuracy == float((trainer.predictions["1"] == DATA.test_labels).mean())
    assert trainer.predictions["1"].dtype == np.uint8
    assert reading.switched is None, "Net has no dropout"


@pytest.mark.slow
def test_it_learns(spec_of):
    trainer = trained(spec_of(learning_rate=0.05), 15, synthetic(train=500, test=200))
    assert trainer.read_test_set().accuracy > 0.5, "chance is 0.1"
    assert trainer.epochs[-1].train_loss < trainer.epochs[0].train_loss


def test_a_recipe_that_diverges_says_so(spec_of):
    with pytest.raises(TrainingError, match=r"no longer finite in epoch 1.*learning rate 1e\+06"):
        trained(spec_of(learning_rate=1e6), 1)


def test_a_batch_that_a_network_cannot_take_is_named(spec_of):
    """Batch norm needs two images; 41 % 20 is one."""
    expected = "batches of 20 from 41 images leave one of 1|a batch of 1 .*Expected more than 1"
    with pytest.raises(TrainingError, match=expected) as raised:
        trained(spec_of(architecture="resnet"), 1, synthetic(train=51, test=10))
    assert "\n" not in str(raised.value)


def test_a_last_step_that_ruins_the_weights_is_seen_by_the_validation(spec_of):
    with pytest.raises(TrainingError, match="no longer finite in epoch 1"):
        trained(spec_of(learning_rate=1e30, batch_size=120), 1)


def test_restoring_rejects_foreign_or_changed_weights(spec_of):
    part = trained(spec_of(), 1)
    with pytest.raises(DataError, match="not a checkpoint of this run"):
        begin(spec_of(architecture="improved"), DATA).restore(part.state(), tuple(part.epochs), ())
    changed = part.state()
    changed["model.fc3.bias"] = changed["model.fc3.bias"] + 1e-6
    with pytest.raises(DataError, match="weights are not those of its history"):
        begin(spec_of(), DATA).restore(changed, tuple(part.epochs), ())


def test_moments_of_another_shape_are_refused(spec_of):
    spec = spec_of(momentum=0.9)
    part = trained(spec, 1)
    state = part.state()
    name = next(name for name in state if name.startswith("optimiser."))
    state[name] = state[name].flatten()[:3]
    with pytest.raises(DataError, match="not a checkpoint of this run: (moments|velocity)"):
        begin(spec, DATA).restore(state, tuple(part.epochs), ())


def test_predictions_that_are_not_the_historys_are_refused(spec_of):
    part = trained(spec_of(), 1)
    part.read_test_set()
    state = part.state()
    state["predictions.1"][0] ^= 1
    with pytest.raises(DataError, match="predictions are not those of its history"):
        begin(spec_of(), DATA).restore(state, tuple(part.epochs), tuple(part.readings))


def test_the_digest_of_weights_sees_one_bit_and_no_memory_layout():
    model = build(Recipe(architecture="net"), seed=0)
    digest = weights_digest(model)
    assert weights_digest(model.to(memory_format=torch.channels_last)) == digest
    bits = model.fc3.bias.data.view(torch.int32)
    bits[0] ^= 1
    assert weights_digest(model) != digest


@pytest.mark.parametrize("model", list(REPORT_RECIPES))
def test_the_first_steps_have_the_golden_bits(model, engine):
    """Fails after any change of the arithmetic: see repro/execution/golden.py for what to do."""
    version = torch.__version__.partition("+")[0]
    if engine == "torch" and version not in golden.TORCH:
        pytest.skip("digests belong to the versions in constraints/pins.txt")
    known = golden.KERNELS if engine == "kernels" else golden.TORCH[version]
    spec = RunSpec(recipe=REPORT_RECIPES[model], seed=0, engine=engine, dataset="synthetic")
    assert digests(trained(spec, 1, synthetic(train=50, test=10)))[0] == known[model]


@pytest.mark.parametrize("model", QUICK_FIRST)
def test_both_engines_begin_alike_and_part_by_rounding_alone(model):
    """The same initial weights, batches and dropout: after a step the weights are as near as the
    order of float32 sums leaves them."""
    spec, data = RunSpec(recipe=REPORT_RECIPES[model], seed=4, dataset="synthetic"), head(DATA, 25)
    kernels, other = begin(spec, data), begin(dataclasses.replace(spec, engine="torch"), data)
    start = weights(kernels)
    for name, value in weights(other).items():
        np.testing.assert_array_equal(value, start[name], err_msg=name)
    one, two = kernels.train_epoch(), other.train_epoch()
    assert one.train_loss == pytest.approx(two.train_loss, rel=1e-5)
    assert one.validation_loss == pytest.approx(two.validation_loss, rel=1e-4)
    after = weights(kernels)
    for name, value in weights(other).items():
        moved = np.abs(value - start[name]).max()
        assert np.abs(value - after[name]).max() <= max(0.01 * moved, 1e-6), name


def test_all_networks_of_a_seed_see_the_same_images_in_the_same_order():
    orders = []
    for name in ("net-relu", "net-swish", "improved"):
        spec = RunSpec(recipe=REPORT_RECIPES[name], seed=5, engine="torch", dataset="synthetic")
        orders.append(Trainer(spec, DATA).order(1))
    assert all(torch.equal(orders[0], each) for each in orders)
    assert orders[0].tolist() == order(split(150, 5)[0], 5, 1).tolist()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit_of_a_run(threads):
    spec = RunSpec(recipe=REPORT_RECIPES["improved"], seed=1, dataset="synthetic")
    many = KernelTrainer(spec, DATA, threads=threads)
    many.train_epoch()
    assert digests(many) == digests(trained(spec, 1))
    assert many.read_test_set() == trained(spec, 1).read_test_set()


@pytest.mark.slow
def test_no_setting_of_the_callers_brings_tf32_back():
    """Of the caller's process: the settings are global, so that another process looks at them."""
    code = """
import sys
from repro.determinism import enter
enter()
import torch
from repro.training.torch_engine import prepare_torch
prepare_torch()
if hasattr(torch.backends.cudnn, "conv"):
    torch.backends.fp32_precision = "tf32"
    operations = (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn)
    assert {each.fp32_precision for each in operations} == {"ieee"}
else:
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
assert torch.are_deterministic_algorithms_enabled()
assert "torch._inductor" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=IMPORT_ROOT)
