"""Fused replicas against the same runs alone: in float64 they are the same to 1e-10."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from repro import models, optimisers
from repro.data.dataset import synthetic
from repro.errors import TrainingError
from repro.fused import FusedTrainer, fuse, joined, parts
from repro.models import SeededDropout
from repro.spec import REPORT_RECIPES, Recipe, RunSpec
from repro.training import Trainer, place

DATA = synthetic(train=30, test=10)  # 24 to train: a batch of 20 and one of 4


def spec_of(seed, architecture="net", **changes):
    recipe = Recipe(architecture=architecture, **changes)
    return RunSpec(recipe=recipe, seed=seed, dataset="synthetic")


def double_trainer(spec):
    """A trainer in torch's plain layers and float64."""
    trainer = Trainer(spec, DATA)
    trainer.model = models.build(spec.recipe, seed=spec.seed).double()
    trainer.optimiser = optimisers.make(spec.recipe, list(trainer.model.parameters()))
    trainer._dropouts = [m for m in trainer.model.modules() if isinstance(m, SeededDropout)]
    scaled = trainer._input
    trainer._input = lambda images: scaled(images).double()
    return trainer


def train(specs, epochs, *, fused):
    trainers = [double_trainer(spec) for spec in specs]
    if fused:
        together = FusedTrainer(trainers)
        for _ in range(epochs):
            together.train_epoch()
        together.read_test_set()
    else:
        for trainer in trainers:
            for _ in range(epochs):
                trainer.train_epoch()
            trainer.read_test_set()
    return trainers


def assert_alike(one, other):
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-10, atol=1e-10, msg=name)
    assert len(one.epochs) == len(other.epochs)
    for mine, its in zip(one.epochs, other.epochs, strict=True):
        assert mine.validation_accuracy == its.validation_accuracy
        for field in ("train_loss", "last_batch_loss", "validation_loss"):
            assert getattr(mine, field) == pytest.approx(getattr(its, field), rel=1e-6), field
    assert one.readings == other.readings


@pytest.mark.parametrize(
    ("architecture", "count"),
    [
        ("net", 1), ("net", 2), ("improved", 1), ("improved", 2), ("resnet", 1),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in (("net", 5), ("resnet", 2))),
    ],
)  # fmt: skip
def test_replicas_learn_what_they_learn_alone(architecture, count):
    epochs = 1 if architecture == "resnet" else 2
    specs = [spec_of(seed, architecture, learning_rate=0.05) for seed in range(count)]
    alone = train(specs, epochs, fused=False)
    for one, other in zip(train(specs, epochs, fused=True), alone, strict=True):
        assert_alike(one, other)


def test_the_three_activations_train_as_one():
    specs = [
        spec_of(seed, activation=activation, learning_rate=0.05)
        for seed in (3, 1)
        for activation in ("swish", "relu", "leaky_relu")
    ]
    alone = train(specs, 2, fused=False)
    for one, other in zip(train(specs, 2, fused=True), alone, strict=True):
        assert_alike(one, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"momentum": 0.9},
        {"optimiser": "adam", "learning_rate": 1e-3},
        {"architecture": "improved", "dropout_at_prediction": True},
        {"pixels": "imagenet", "batch_size": 13},
    ],
)
def test_each_recipe_can_be_fused(changes):
    specs = [spec_of(seed, **changes) for seed in (0, 4)]
    alone = train(specs, 2, fused=False)
    for one, other in zip(train(specs, 2, fused=True), alone, strict=True):
        assert_alike(one, other)


@pytest.mark.parametrize(
    "architecture", ["net", "improved", pytest.param("resnet", marks=pytest.mark.slow)]
)
def test_a_replica_does_not_see_its_neighbours(architecture):
    """The very bits stay, whatever the others are: another seed, or numbers beyond all bounds."""
    x = torch.rand(4, 9, 32, 32, dtype=torch.float64)
    networks = [models.build(Recipe(architecture=architecture), seed=s).double() for s in range(3)]
    results = []
    for change in (None, 0, 2):
        neighbours, images = list(networks), x.clone()
        if change is not None:
            recipe = Recipe(architecture=architecture)
            neighbours[change] = models.build(recipe, seed=9).double()
            images[:, 3 * change : 3 * change + 3] = 1e300
        fused = fuse(neighbours).eval()
        parameters = list(fused.parameters())
        logits = fused(images)[:, 10:20]
        loss = F.cross_entropy(logits, torch.arange(4))
        gradients = torch.autograd.grad(loss, parameters)
        mine = [gradient.chunk(3)[1] for gradient in gradients]
        others = [gradient.chunk(3)[k] for gradient in gradients for k in (0, 2)]
        if change is None:
            assert all(not other.any() for other in others)
        results.append([logits.detach(), *mine])
    for changed in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], changed, strict=True))


def test_a_fused_network_has_the_weights_of_all():
    networks = [models.build(REPORT_RECIPES["resnet"], seed=s) for s in (0, 1)]
    fused = fuse(networks)
    assert list(fused.state_dict()) == list(networks[0].state_dict())
    for network, part in zip(networks, parts(fused.state_dict(), 2), strict=True):
        for name, value in network.state_dict().items():
            assert torch.equal(part[name], value), name
    again = joined(parts(fused.state_dict(), 2))
    assert all(torch.equal(again[name], value) for name, value in fused.state_dict().items())
    with torch.no_grad():
        for parameter in fused.parameters():
            parameter.zero_()
    assert networks[0].fc.weight.any(), "they are copies"


def test_networks_of_two_kinds_cannot_be_fused():
    with pytest.raises(ValueError, match="expected all of one architecture"):
        fuse([models.Net(), models.ImprovedNet()])


@pytest.mark.parametrize(
    "other",
    [
        spec_of(1, "improved"),
        spec_of(1, learning_rate=0.02),
        dataclasses.replace(spec_of(1), engine="native"),
    ],
)
def test_runs_that_differ_otherwise_are_refused(other):
    trainers = [double_trainer(spec_of(0)), double_trainer(spec_of(1))]
    trainers[1].spec = other
    with pytest.raises(ValueError, match="differ in seed and activation alone"):
        FusedTrainer(trainers)


def test_runs_that_are_not_equally_far_are_refused():
    trainers = [double_trainer(spec_of(seed)) for seed in (0, 1)]
    trainers[1].train_epoch()
    with pytest.raises(ValueError, match="equally far.*after 1 epochs"):
        FusedTrainer(trainers)


@pytest.mark.parametrize("changes", [{"momentum": 0.9}, {"architecture": "improved"}])
def test_going_on_from_checkpoints_is_the_uninterrupted_run(changes):
    specs = [spec_of(seed, **changes) for seed in (0, 1)]
    whole = [Trainer(spec, DATA) for spec in specs]
    together = FusedTrainer(whole)
    for _ in range(3):
        together.train_epoch()

    begun = [Trainer(spec, DATA) for spec in specs]
    FusedTrainer(begun).train_epoch()
    resumed = []
    for trainer in begun:
        again = Trainer(trainer.spec, DATA)
        again.restore(trainer.state(), tuple(trainer.epochs), tuple(trainer.readings))
        resumed.append(again)
    together = FusedTrainer(resumed)
    for _ in range(2):
        together.train_epoch()
    for one, other in zip(resumed, whole, strict=True):
        assert [e.weights_sha256 for e in one.epochs] == [e.weights_sha256 for e in other.epochs]


def test_trainers_share_a_data_set_on_the_device():
    placed = place(DATA, "cpu")
    trainers = [Trainer(spec_of(seed), placed) for seed in (0, 1)]
    assert trainers[0].data is trainers[1].data is placed


def test_seconds_are_shared_by_the_replicas():
    trainers = [Trainer(spec_of(seed), DATA) for seed in range(4)]
    fused = FusedTrainer(trainers)
    start = time.perf_counter()
    fused.train_epoch()
    taken = time.perf_counter() - start
    assert 0 < sum(trainer.epochs[0].duration_s for trainer in trainers) <= taken + 0.01


def test_a_replica_that_diverges_is_named_and_the_others_go_on():
    trainers = [Trainer(spec_of(seed), DATA) for seed in (0, 1, 2)]
    with torch.no_grad():
        next(trainers[1].model.parameters()).fill_(float("nan"))
    failed = FusedTrainer(trainers).train_epoch()
    assert list(failed) == [trainers[1]]
    with pytest.raises(TrainingError, match=rf"{trainers[1].spec.name}: .*no longer finite"):
        raise failed[trainers[1]]
    assert [trainer.epoch for trainer in trainers] == [1, 0, 1]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_test_set_is_read_as_alone_whichever_replica_diverges(which):
    """Dropout at prediction is drawn by the epoch, and the one that diverged stays behind."""
    trainers = [Trainer(spec_of(seed, "improved"), DATA) for seed in (0, 1, 2)]
    with torch.no_grad():
        next(trainers[which].model.parameters()).fill_(float("nan"))
    fused = FusedTrainer(trainers)
    fused.train_epoch()
    fused.read_test_set()
    assert not trainers[which].readings
    for trainer in trainers:
        if trainer is not trainers[which]:
            alone = Trainer(trainer.spec, DATA)
            alone.model.load_state_dict(trainer.model.state_dict())
            alone.epochs = list(trainer.epochs)
            np.testing.assert_array_equal(
                trainer.predictions["1-switched"], alone.predict_test_set(switched=True)
            )


def test_a_batch_that_the_network_cannot_take_is_named():
    """Batch norm needs two images of each replica; 41 % 20 is one."""
    data = place(synthetic(train=51, test=10), "cpu")
    fused = FusedTrainer([Trainer(spec_of(seed, "resnet"), data) for seed in (0, 1)])
    with pytest.raises(TrainingError, match="a batch of 1 .*Expected more than 1 value"):
        fused.train_epoch()


def test_states_of_other_names_cannot_be_joined():
    with pytest.raises(ValueError, match="the same names"):
        joined([{"velocity.0": torch.zeros(2)}, {}])


def test_progress_tells_of_steps():
    heard = []
    trainers = [Trainer(spec_of(seed), DATA) for seed in (0, 1)]
    FusedTrainer(trainers).train_epoch(lambda *told: heard.append(told))
    assert [(step, steps) for step, steps, _ in heard] == [(0, 2)]
