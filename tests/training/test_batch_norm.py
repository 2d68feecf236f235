"""ResNet with batch norm left in training mode: kept beside the runs, with their weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from repro.data.dataset import synthetic
from repro.errors import DataError
from repro.execution.environment import describe_environment
from repro.networks import models
from repro.runs.batch_norm import load, path_in
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training import batch_norm
from repro.training.kernel_engine import KernelTrainer
from repro.training.torch_engine import to_input

DATA = synthetic(train=50, test=100)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a ResNet of one epoch."""
    store = Store(tmp_path_factory.mktemp("store"))
    spec = RunSpec(recipe=REPORT_RECIPES["resnet"], seed=100, dataset="synthetic")
    trainer = KernelTrainer(spec, DATA)
    trainer.train_epoch()
    record = trainer.save(describe_environment(spec), store)
    return store, record, trainer


@pytest.mark.slow
def test_it_is_what_torch_says_of_the_same_weights(trained):
    store, record, trainer = trained
    known = batch_norm.complete(store, [record], DATA)
    model = models.build(record.spec.recipe, seed=0)
    weights = {n: torch.from_numpy(v.copy()) for n, v in trainer._network.state().items()}
    images = torch.from_numpy(np.ascontiguousarray(DATA.test_images))
    for batch, accuracy in known[record.spec.name].items():
        model.load_state_dict(weights)
        model.train()
        with torch.no_grad():
            classes = torch.cat(
                [
                    model(to_input(part, "symmetric")).argmax(1)
                    for part in torch.split(images, batch)
                ]
            ).numpy()
        # Two classes may be as likely to rounding, of an image or two.
        assert accuracy == pytest.approx((classes == DATA.test_labels).mean(), abs=0.021)
    assert sorted(known[record.spec.name]) == [4, 20, 100]


@pytest.mark.slow
def test_it_is_computed_once_and_for_these_weights_alone(trained, monkeypatch):
    store, record, _ = trained
    first = batch_norm.complete(store, [record], DATA)
    monkeypatch.setattr(KernelTrainer, "accuracy_with_batch_norm_left_on", lambda *_: 1 / 0)
    assert batch_norm.complete(store, [record], DATA) == first == load(store, [record])
    other = dataclasses.replace(record.epochs[-1], weights_sha256="0" * 64)
    assert load(store, [dataclasses.replace(record, epochs=(other,))]) == {}


def test_other_networks_are_left_alone_and_what_is_missing_is_said(trained, tmp_path):
    _, record, _ = trained
    net = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=100)
    other = dataclasses.replace(record, spec=net)
    assert batch_norm.complete(Store(tmp_path), [other], DATA) == {}
    with pytest.raises(DataError, match="not there; batch norm is read from a run's last"):
        batch_norm.complete(Store(tmp_path), [record], DATA)
    path_in(Store(tmp_path)).write_text("run,epoch,weights_sha256,batch,accuracy\na,1,b,4,much\n")
    with pytest.raises(DataError, match=r"batch_norm\.csv, line 2: expected a decimal fraction"):
        load(Store(tmp_path), [record])
