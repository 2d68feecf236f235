"""Many runs of one architecture trained as one network: seeds side by side on a GPU.

A network of the report is far too small for a GPU. K of them are K groups of channels of one: a
convolution becomes one of K groups, a linear layer K products in a batch, and every other layer
works on K times the channels. Nothing mixes the groups, and every replica keeps its own weights,
order of images and dropout, so that it learns what it would learn alone, up to rounding.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro import streams
from repro.errors import TrainingError
from repro.history import Report
from repro.models import ImprovedNet, Net, SeededDropout
from repro.optimisers import make
from repro.spec import Purpose, RunSpec
from repro.training import PREDICTION_BATCH, Trainer, forward, to_classes, to_input

Activation = Callable[[Tensor], Tensor]

_EAGER_STEPS = 3
"""Steps before a CUDA graph is captured: libraries prepare themselves at their first use."""


def fuse(networks: Sequence[nn.Module]) -> nn.Module:
    """One network that computes all of `networks` side by side, with copies of their weights.

    It takes images (B, K * 3, 32, 32), the channels of one replica after the other, and returns
    logits (B, K * 10). Every tensor of its state dict is those of the networks, one after the
    other along the first dimension; :func:`parts` takes them apart.

    Raises:
        ValueError: the networks are not of one kind.
    """
    states = [network.state_dict() for network in networks]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    if any(each != shapes[0] for each in shapes):
        raise ValueError("networks: expected all of one architecture")
    fused = _fused(networks[0], len(networks))
    if isinstance(fused, (Net, ImprovedNet)):
        fused.activation = _Activations([network.activation for network in networks])  # type: ignore[misc]
    fused.load_state_dict(joined(states))
    return fused


def joined(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The replicas' tensors as the fused network has them; a single number is the first one's.

    Raises:
        ValueError: they have not the same names.
    """
    if any(state.keys() != states[0].keys() for state in states):
        raise ValueError("states: expected the same names in each")
    return {
        name: torch.cat([state[name] for state in states]) if value.dim() else value
        for name, value in states[0].items()
    }


def parts(state: Mapping[str, Tensor], count: int) -> list[dict[str, Tensor]]:
    """The inverse of :func:`joined`: the state of each of `count` replicas."""
    return [
        {name: value.chunk(count)[k] if value.dim() else value for name, value in state.items()}
        for k in range(count)
    ]


def _fused(layer: nn.Module, count: int) -> nn.Module:
    """`layer` for `count` replicas, its weights not yet theirs."""
    if isinstance(layer, nn.Conv2d):
        return nn.Conv2d(
            layer.in_channels * count, layer.out_channels * count, layer.kernel_size,  # type: ignore[arg-type]
            layer.stride, layer.padding, groups=count, bias=layer.bias is not None,  # type: ignore[arg-type]
        ).to(layer.weight)  # fmt: skip
    if isinstance(layer, nn.BatchNorm2d):
        return nn.BatchNorm2d(layer.num_features * count, layer.eps, layer.momentum).to(
            layer.weight
        )
    if isinstance(layer, nn.Linear):
        return FusedLinear(layer, count)
    if isinstance(layer, SeededDropout):
        return FusedDropout(layer.p)
    shell = copy.copy(layer)
    shell._modules = {
        name: None if child is None else _fused(child, count)
        for name, child in layer._modules.items()
    }
    return shell


class FusedLinear(nn.Module):
    """`count` linear layers: (B, count * I) to (B, count * O)."""

    def __init__(self, like: nn.Linear, count: int) -> None:
        super().__init__()
        self.count = count
        self.weight = nn.Parameter(like.weight.detach().repeat(count, 1))
        self.bias = nn.Parameter(like.bias.detach().repeat(count))

    def forward(self, x: Tensor) -> Tensor:
        batch = len(x)
        inputs = x.view(batch, self.count, -1).transpose(0, 1)
        weight = self.weight.view(self.count, -1, inputs.shape[-1])
        bias = self.bias.view(self.count, 1, -1)
        return torch.baddbmm(bias, inputs, weight.transpose(1, 2)).transpose(0, 1).flatten(1)


class FusedDropout(nn.Module):
    """Dropout by masks that were drawn before: number `step` of `kept` (steps, B, K * F)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.kept = torch.empty(0)
        self.step = torch.zeros(1, dtype=torch.int64)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = self.kept.index_select(0, self.step)[0, : len(x)]
        return x * kept.to(x.dtype).div_(1 - self.p)


class _Activations:
    """Each replica's activation on its own channels."""

    def __init__(self, activations: Sequence[Activation]) -> None:
        self.spans = [(each, len(list(span))) for each, span in groupby(activations)]

    def __call__(self, x: Tensor) -> Tensor:
        if len(self.spans) == 1:
            return self.spans[0][0](x)
        width = x.shape[1] // sum(count for _, count in self.spans)
        pieces = torch.split(x, [count * width for _, count in self.spans], dim=1)
        return torch.cat(
            [activation(piece) for (activation, _), piece in zip(self.spans, pieces, strict=True)],
            dim=1,
        )


class FusedTrainer:
    """Trains several trainers as one; it is they that have the weights and histories afterwards.

    On CUDA a step of SGD is captured once as a graph and replayed, and the host waits for nothing
    until the epoch's last step.

    Raises:
        ValueError: the runs differ in more than seed and activation, or are not equally far.
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        kinds = {_kind(trainer) for trainer in trainers}
        if len(kinds) != 1:
            raise ValueError(
                "trainers: expected runs that differ in seed and activation alone, equally far; "
                "got " + ", ".join(f"{t.spec.name} after {t.epoch} epochs" for t in trainers)
            )
        # Replicas of one activation stand side by side, so that it is computed once for them.
        self.trainers = sorted(trainers, key=lambda trainer: trainer.spec.recipe.activation)
        self.data, self.recipe = trainers[0].data, trainers[0].spec.recipe
        device = self.data.train_labels.device
        self.model = fuse([trainer.model for trainer in self.trainers]).to(device)
        self._parameters = list(self.model.parameters())
        self._optimiser = make(self.recipe, self._parameters)
        self._optimiser.restore(joined([t.optimiser.state() for t in self.trainers]))

        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._drawn: list[Future[_Draws]] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._eager_steps = _EAGER_STEPS
        # A graph reads and writes these where they lie, so they stay there.
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        batch, images = self.recipe.batch_size, len(self.trainers[0].train)
        steps, count = -(-images // batch), len(self.trainers)
        self._order = torch.zeros(steps, count, batch, dtype=torch.int64, device=device)
        self._losses = torch.zeros(steps, count, device=device)
        self._numbers = torch.arange(steps, device=device).unsqueeze(1)
        self._dropouts = [m for m in self.model.modules() if isinstance(m, FusedDropout)]
        self._features = trainers[0].model.fc1.bias.numel() if self._dropouts else 0  # type: ignore[union-attr, operator]
        self._kept = torch.zeros(
            steps, batch, count, self._features, dtype=torch.bool, device=device
        )

    def train_epoch(self, report: Report | None = None) -> dict[Trainer, TrainingError]:
        """Train, validate and add an epoch to every trainer. A run's seconds are its share.

        Returns those whose loss is no longer a finite number, which get no epoch, and why.
        """
        start = time.perf_counter()
        epoch = self.trainers[0].epoch + 1
        for k, draws in enumerate(self._draw(epoch)):
            self._order[:, k] = draws.order
            self._kept[:, :, k] = draws.kept
        self._step.zero_()
        self.model.train()
        for dropout in self._dropouts:
            dropout.kept, dropout.step = self._kept.flatten(2), self._step

        batch, images = self.recipe.batch_size, len(self.trainers[0].train)
        steps = len(self._order)
        for step in range(images // batch):
            self._advance(batch)
            if report and step % 100 == 0 and not self._losses.is_cuda:
                report(step, steps, float(self._losses[step].mean()))
        if images % batch:
            self._train_step(images % batch)

        validation = torch.stack([trainer.validation for trainer in self.trainers])
        on = self.recipe.dropout_at_prediction
        logits = self._logits(self.data.train_images, validation, epoch, dropout_on=on)
        weights = parts(self.model.state_dict(), len(self.trainers))
        moments = parts(self._optimiser.state(), len(self.trainers))
        losses = self._losses.cpu()  # waits for the device
        share = (time.perf_counter() - start) / len(self.trainers)
        failed = {}
        for k, trainer in enumerate(self.trainers):
            trainer.model.load_state_dict(weights[k])
            trainer.optimiser.restore({name: value.clone() for name, value in moments[k].items()})
            try:
                trainer.add_epoch(losses[:, k], logits[k], share)
            except TrainingError as error:
                failed[trainer] = error
        return failed

    def read_test_set(self) -> None:
        """Predict the test images and add a reading to every trainer whose loss is a number."""
        everything = torch.arange(len(self.data.test_labels)).expand(len(self.trainers), -1)
        # One whose loss is no longer a number has stayed behind.
        on, epoch = self.recipe.dropout_at_prediction, max(t.epoch for t in self.trainers)
        logits = self._logits(self.data.test_images, everything, epoch, dropout_on=on)
        switched = (
            self._logits(self.data.test_images, everything, epoch, dropout_on=not on)
            if self._dropouts else None
        )  # fmt: skip
        for k, trainer in enumerate(self.trainers):
            if trainer.epoch == epoch:
                other = None if switched is None else to_classes(switched[k])
                trainer.add_reading(to_classes(logits[k]), other)

    def _advance(self, batch: int) -> None:
        """One step of a whole batch; on CUDA by the graph, once there is one."""
        if not self._step.is_cuda or self.recipe.optimiser != "sgd":
            self._train_step(batch)
        elif self._graph is not None:
            self._graph.replay()
        elif self._eager_steps:
            self._eager_steps -= 1
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                self._train_step(batch)
            torch.cuda.current_stream().wait_stream(side)
        else:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._train_step(batch)
            self._graph.replay()

    def _train_step(self, batch: int) -> None:
        """Train all replicas on the `batch` first images of step `self._step`, and count it."""
        chosen = self._order.index_select(0, self._step)[0, :, :batch]
        labels = self.data.train_labels.index_select(0, chosen.flatten())
        images = self._input(self.data.train_images, chosen)
        logits = forward(self.model, images, self.trainers[0].spec)
        by_replica = logits.view(batch, len(self.trainers), -1).transpose(0, 1).flatten(0, 1)
        losses = F.cross_entropy(by_replica, labels, reduction="none").view(-1, batch).mean(1)
        self._optimiser.step(torch.autograd.grad(losses.sum(), self._parameters))
        here = self._numbers == self._step
        self._losses.copy_(torch.where(here, losses.detach().unsqueeze(0), self._losses))
        self._step.add_(1)

    def _input(self, images: Tensor, chosen: Tensor) -> Tensor:
        """The images (K, B) that each replica takes, side by side: (B, K * 3, 32, 32)."""
        count, batch = chosen.shape
        taken = images.index_select(0, chosen.flatten()).permute(0, 3, 1, 2)
        scaled = to_input(taken, self.recipe.pixels).to(self._parameters[0].dtype)
        side_by_side = scaled.reshape(count, batch, *scaled.shape[1:]).transpose(0, 1)
        return side_by_side.flatten(1, 2).contiguous()

    @torch.no_grad()
    def _logits(self, images: Tensor, indices: Tensor, epoch: int, *, dropout_on: bool) -> Tensor:
        """Each replica's logits (K, N, 10) of the images that `indices` (K, N) name for it."""
        self.model.eval()
        batches = torch.split(indices.to(images.device), PREDICTION_BATCH, dim=1)
        kept = self._prediction_masks(indices.shape[1], epoch) if dropout_on else None
        logits = []
        for number, chosen in enumerate(batches):
            if kept is not None:
                for dropout in self._dropouts:
                    dropout.train()
                    dropout.kept, dropout.step = kept, torch.tensor([number], device=images.device)
            out = self.model(self._input(images, chosen))
            logits.append(out.view(chosen.shape[1], len(self.trainers), -1).transpose(0, 1))
        return torch.cat(logits, dim=1)

    def _prediction_masks(self, images: int, epoch: int) -> Tensor:
        masks = [
            _masks(trainer, "prediction", epoch, images, PREDICTION_BATCH, self._features)
            for trainer in self.trainers
        ]
        return torch.cat(masks, dim=2).to(self._kept.device)

    def _draw(self, epoch: int) -> list[_Draws]:
        """What `epoch` needs of each replica's streams, and begin to draw the next epoch's."""
        drawn = self._drawn or self._begin(epoch)
        draws = [future.result() for future in drawn]
        if draws[0].epoch != epoch:
            draws = [future.result() for future in self._begin(epoch)]
        self._drawn = self._begin(epoch + 1)
        return draws

    def _begin(self, epoch: int) -> list[Future[_Draws]]:
        batch = self.recipe.batch_size
        return [
            self._pool.submit(_Draws.of, trainer, epoch, batch, self._features)
            for trainer in self.trainers
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Draws:
    """One replica's draws for an epoch, in steps; the last may be filled up with zeros."""

    epoch: int
    order: Tensor
    """Indices of images, int64 (steps, B)."""
    kept: Tensor
    """Dropout's masks, bool (steps, B, F)."""

    @classmethod
    def of(cls, trainer: Trainer, epoch: int, batch: int, features: int) -> _Draws:
        order = trainer.order(epoch)
        return cls(
            epoch=epoch,
            order=F.pad(order, (0, -len(order) % batch)).view(-1, batch),
            kept=_masks(trainer, "dropout", epoch, len(order), batch, features),
        )


def _masks(
    trainer: Trainer, purpose: Purpose, epoch: int, images: int, batch: int, features: int
) -> Tensor:
    """What SeededDropout keeps, batch after batch: bool (steps, batch, features)."""
    steps = -(-images // batch)
    kept = torch.zeros(steps * batch, features, dtype=torch.bool)
    if features:
        drawn = streams.kept(
            trainer.spec.seed, purpose, images * features, trainer.spec.recipe.dropout, epoch=epoch
        )
        kept[:images] = torch.from_numpy(drawn).view(images, features)
    return kept.view(steps, batch, features)


def _kind(trainer: Trainer) -> tuple[RunSpec, int]:
    """What runs that are fused have to have in common, and how far they are."""
    recipe = dataclasses.replace(trainer.spec.recipe, activation="relu")
    return dataclasses.replace(trainer.spec, recipe=recipe, seed=0), trainer.epoch
