"""Exported weights: the record's, loadable as the card says, and nothing is believed unseen."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
import yaml
from typer.testing import CliRunner

from repro.__main__ import load_cli
from repro.data.dataset import synthetic
from repro.data.layout import CLASSES
from repro.errors import DiskError, EvidenceError, UsageError
from repro.files import write_atomically
from repro.networks.models import build
from repro.reporting.export.folder import code, whole_folder
from repro.reporting.export.weights import describe, export_weights, model_card
from repro.runs.checkpoints import find_weights, read_weights
from repro.runs.digests import arrays_digest
from repro.runs.records import RunRecord
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, Recipe, RunSpec
from repro.streams import initial_weights
from repro.training.kernel_engine import KernelTrainer
from repro.training.torch_engine import weights_digest
from tests.examples import ENVIRONMENT, TORCH_ENVIRONMENT, parameter_count
from tests.examples import record as example
from tests.forgery import forge_checkpoint, forge_record

DATA = synthetic()
SPEC = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0, dataset="synthetic")
IMPROVED = dataclasses.replace(SPEC, recipe=Recipe(architecture="improved", activation="swish"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a run that was read at 10 epochs and went on to 11, and one of 2 epochs."""
    store = Store(tmp_path_factory.mktemp("trained"))
    for spec, epochs, data in ((SPEC, 11, DATA), (IMPROVED, 2, synthetic(train=50, test=10))):
        trainer = KernelTrainer(spec, data)
        for _ in range(epochs):
            trainer.train_epoch()
            if trainer.epoch == 10:
                trainer.read_test_set()
            trainer.save(ENVIRONMENT, store)
    return store


@pytest.fixture
def store(trained, tmp_path):
    """A copy to do harm to."""
    return Store(shutil.copytree(trained.root, tmp_path / "store"))


def run_code_of(card, folder, monkeypatch):
    """What the card's block of code defines, run in the folder of the export."""
    (block,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    monkeypatch.chdir(folder)
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    return names


def front_matter(card):
    _, head, body = card.split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_cards_own_code_predicts_what_the_record_holds(trained, tmp_path, monkeypatch):
    record = trained.load(SPEC)
    assert export_weights(trained, record, tmp_path / "out", 10) == 10
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    card = (tmp_path / "out" / "README.md").read_text()
    loaded = run_code_of(card, tmp_path / "out", monkeypatch)
    classes = loaded["predict"](torch.from_numpy(DATA.test_images))
    expected = trained.predictions(record)["10"]
    assert classes.tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 1
    assert record.accuracy_at(10) == pytest.approx(
        float((classes.numpy() == DATA.test_labels).mean())
    )


def test_the_file_has_the_networks_tensors_and_no_others(trained, tmp_path):
    record = trained.load(SPEC)
    export_weights(trained, record, tmp_path / "out", 10)
    data = (tmp_path / "out" / "model.safetensors").read_bytes()
    weights = safetensors.numpy.load(data)
    assert weights.keys() == build(SPEC.recipe, seed=0).state_dict().keys()
    assert arrays_digest(weights) == record.epochs[9].weights_sha256
    with safetensors.safe_open(tmp_path / "out" / "model.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_the_last_checkpoint_is_taken_unless_an_epoch_is_asked_for(trained, tmp_path):
    record = trained.load(SPEC)
    for asked, at in ((None, 11), (11, 11), (10, 10)):
        epoch, weights = find_weights(trained, record, asked)
        assert (epoch, arrays_digest(weights)) == (at, record.epochs[at - 1].weights_sha256)
    with pytest.raises(UsageError, match=r"--epoch 3: net-relu-.* has checkpoints of 10, 11$"):
        find_weights(trained, record, 3)


def test_the_last_reading_is_taken_where_no_later_checkpoint_is_kept(store):
    store.checkpoint(SPEC).unlink()
    assert find_weights(store, store.load(SPEC), None)[0] == 10
    with pytest.raises(UsageError, match="--epoch 11: .* has checkpoints of 10$"):
        find_weights(store, store.load(SPEC), 11)
    store.checkpoint(SPEC, 10).unlink()
    with pytest.raises(UsageError, match="expected a run with a checkpoint; none of it"):
        find_weights(store, store.load(SPEC), None)


def test_config_says_all_that_is_needed_to_build_and_to_feed_the_network(trained):
    _, weights = find_weights(trained, trained.load(IMPROVED), None)
    config = describe(IMPROVED, 2, weights)
    assert (config["architecture"], config["activation"]) == ("improved", "swish")
    assert Recipe(**config["recipe"]) == IMPROVED.recipe
    assert config["pixels"] == {"divide_by": 255, "mean": [0.5] * 3, "std": [0.5] * 3}
    assert config["parameters"] == 1_276_234
    assert config["weights_sha256"] == trained.load(IMPROVED).epochs[1].weights_sha256
    assert config["classes"] == [str(n) for n in range(10)], "made-up images have no names"
    assert describe(example().spec, 2, weights)["classes"] == list(CLASSES)
    assert json.loads(json.dumps(config)) == config


@pytest.mark.parametrize(
    ("pixels", "mean", "std"),
    [("unit", [0, 0, 0], [1, 1, 1]), ("imagenet", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])],
)
def test_config_gives_the_statistics_of_the_recipes_pixels(pixels, mean, std):
    spec = dataclasses.replace(SPEC, recipe=Recipe(architecture="net", pixels=pixels))
    given = describe(spec, 1, {})["pixels"]
    assert given == {"divide_by": 255, "mean": mean, "std": std}


@pytest.mark.slow
def test_buffers_travel_and_are_no_parameters(tmp_path):
    spec = dataclasses.replace(SPEC, recipe=REPORT_RECIPES["resnet"])
    model = build(spec.recipe, seed=0)
    weights = initial_weights("resnet", 0)
    state = {f"model.{name}": value for name, value in weights.items()}
    digest = arrays_digest(weights)
    epoch = dataclasses.replace(example().epochs[0], weights_sha256=digest)
    record = RunRecord(spec=spec, environment=ENVIRONMENT, epochs=(epoch,))
    store = Store(tmp_path / "store")
    store.save(record, {})
    metadata = {"record": (store.folder(spec) / "record.json").read_text()}
    metadata["sha256"] = arrays_digest(state)
    write_atomically(store.checkpoint(spec), safetensors.numpy.save(state, metadata))
    export_weights(store, record, tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["parameters"] == parameter_count(model) == 11_181_642
    again = build(spec.recipe, seed=1)
    again.load_state_dict(safetensors.torch.load_file(tmp_path / "out" / "model.safetensors"))
    assert weights_digest(again) == digest


def test_the_card_is_filled_from_the_record(trained):
    record = trained.load(SPEC)
    epoch, weights = find_weights(trained, record, 10)
    head, body = front_matter(model_card(record, describe(SPEC, epoch, weights)))
    assert (head["license"], head["library_name"]) == ("mit", "pytorch")
    assert head["metrics"] == ["accuracy"]
    assert "datasets" not in head, "made-up images are no published data set"
    (index,) = head["model-index"]
    (result,) = index["results"]
    assert index["name"] == SPEC.name
    assert result["dataset"]["type"] == "synthetic"
    assert result["metrics"] == [
        {"type": "accuracy", "name": "Test accuracy", "value": record.accuracy_at(10)}
    ]
    at = record.epochs[9]
    for text in (
        f"| validation accuracy | {at.validation_accuracy:.4f} |",
        f"| training loss, mean over the epoch | {at.train_loss:.4f} |",
        f"`{at.weights_sha256}`",
        f"`{SPEC.digest}`",
        "- kernels: `1, avx2`",
        "62,006 parameters",
        "This run saw made-up images",
        "repro train net --seed 0 --epochs 10 --device cpu --engine kernels --dataset synthetic",
        "Guarantee on the bits (L4)",
    ):
        assert text in body, text


def test_without_a_reading_the_card_says_so_and_has_no_model_index(trained):
    record = trained.load(IMPROVED)
    head, body = front_matter(
        model_card(record, describe(IMPROVED, 2, find_weights(trained, record, None)[1]))
    )
    assert "model-index" not in head
    assert "| test accuracy | not measured" in body
    assert "repro train" not in body, "no command trains this recipe"


def test_cifar10_is_named_and_dropout_is_off_where_the_card_loads_with_eval():
    record = example("improved", accuracies={10: 0.70})
    config = {**describe(record.spec, 10, {}), "parameters": 1}
    head, body = front_matter(model_card(record, config))
    assert head["datasets"] == ["uoft-cs/cifar10"]
    assert head["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.70
    assert "| test accuracy, dropout off | 0.7000 |" in body
    assert "| test accuracy, dropout left on | 0.6800 |" in body
    assert "made-up" not in body
    # A recipe that leaves dropout on at prediction: the switched reading is the one with it off.
    recipe = dataclasses.replace(record.spec.recipe, dropout_at_prediction=True)
    record = dataclasses.replace(record, spec=dataclasses.replace(record.spec, recipe=recipe))
    assert "| test accuracy, dropout off | 0.6800 |" in model_card(record, config)


def test_what_a_record_says_of_its_machine_is_no_markup():
    evil = "`</details>`\n\n# Owned [x](https://example.org)"
    environment = dataclasses.replace(ENVIRONMENT, processor=evil)
    record = dataclasses.replace(example(), environment=environment)
    card = model_card(record, describe(record.spec, 10, {}))
    assert "- processor: `'</details>' # Owned [x](https://example.org)`\n" in card
    assert code("a\n|`b") == "`a |'b`"


def test_weights_that_are_not_the_records_are_not_exported(store, tmp_path):
    path = store.checkpoint(SPEC, 10)

    def change(tensors):
        tensors["model.fc3.bias"][0] += 1e-6

    forge_checkpoint(path, change_tensors=change)
    with pytest.raises(EvidenceError, match="not those of the checkpoint's history"):
        export_weights(store, store.load(SPEC), tmp_path / "out", 10)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_training_than_the_records_is_refused(store):
    record = store.load(SPEC)
    tenth = dataclasses.replace(record.epochs[9], weights_sha256="0" * 64)
    other = dataclasses.replace(record, epochs=(*record.epochs[:9], tenth, *record.epochs[10:]))
    with pytest.raises(EvidenceError, match=r"expected the record's weights after epoch 10"):
        read_weights(store.checkpoint(SPEC, 10), other)


def test_a_flipped_bit_anywhere_in_the_tensors_is_found(store):
    path = store.checkpoint(SPEC, 10)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match="the checkpoint is damaged"):
        read_weights(path, store.load(SPEC))


@pytest.mark.parametrize("data", [b"", b"\x08" + bytes(7) + b"{}      ", b"x" * 1000])
def test_what_is_no_checkpoint_is_refused_in_one_line(store, data):
    path = store.checkpoint(SPEC)
    path.write_bytes(data)
    with pytest.raises(EvidenceError):
        read_weights(path, store.load(SPEC))


def test_a_type_that_numpy_lacks_is_refused_in_one_line(store):
    path = store.checkpoint(SPEC)
    path.write_bytes(safetensors.torch.save({"model.a": torch.zeros(2, dtype=torch.bfloat16)}))
    with pytest.raises(EvidenceError):
        read_weights(path, store.load(SPEC))


def test_another_runs_checkpoint_and_one_ahead_of_the_record_are_refused(store):
    record = store.load(SPEC)
    with pytest.raises(
        EvidenceError, match="expected the checkpoint of this run; got improved-swish"
    ):
        read_weights(store.checkpoint(IMPROVED), record)
    shorter = dataclasses.replace(record, epochs=record.epochs[:10])
    with pytest.raises(EvidenceError, match="expected a checkpoint of epoch 1 to 10.*got epoch 11"):
        read_weights(store.checkpoint(SPEC), shorter)
    store.checkpoint(SPEC).replace(store.checkpoint(SPEC, 10))
    with pytest.raises(EvidenceError, match="expected epoch 10; got 11"):
        find_weights(store, record, 10)


def test_a_checkpoint_that_is_no_file_is_refused(store):
    store.checkpoint(SPEC).unlink()
    store.checkpoint(SPEC).mkdir()
    with pytest.raises(EvidenceError, match="no regular file"):
        read_weights(store.checkpoint(SPEC), store.load(SPEC))


def test_two_exports_have_the_same_bytes_and_name_no_place_on_this_machine(trained, tmp_path):
    record = trained.load(SPEC)
    for name in ("one", "two"):
        export_weights(trained, record, tmp_path / name, 10)
    for path in (tmp_path / "one").iterdir():
        data = path.read_bytes()
        assert data == (tmp_path / "two" / path.name).read_bytes()
        for place in (tmp_path, trained.root, Path.cwd(), Path.home(), Path(__file__).parent):
            assert str(place).encode() not in data


def test_the_command_line_exports_weights_and_refuses_what_is_not_empty(
    trained, tmp_path, monkeypatch
):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path / "home"))
    shutil.copytree(trained.root, tmp_path / "home" / "store")
    app, out = load_cli().app, str(tmp_path / "out")
    done = CliRunner().invoke(app, ["export", "weights", "net-relu", out, "--epoch", "10"])
    assert done.exit_code == 0, done.output
    assert f"weights of {SPEC.name} after 10 epochs" in " ".join(done.output.split())
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    done = CliRunner().invoke(app, ["export", "weights", "net-relu", out])
    assert done.exit_code == 2
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    forge_record(
        tmp_path / "home" / "store" / "runs" / SPEC.name / "record.json",
        lambda fields: fields["epochs"][9].update(weights_sha256="0" * 64),
    )
    done = CliRunner().invoke(
        app, ["export", "weights", "net-relu", str(tmp_path / "x"), "--epoch", "10"]
    )
    assert done.exit_code == 3
    assert not (tmp_path / "x").exists()


def test_a_folder_appears_as_a_whole_or_not_at_all(tmp_path):
    with whole_folder(tmp_path / "a" / "b") as beside:
        (beside / "file").write_text("x")
        assert not (tmp_path / "a" / "b").exists()
    assert (tmp_path / "a" / "b" / "file").read_text() == "x"
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "c") as beside:
        (beside / "file").write_text("x")
        raise KeyboardInterrupt
    with pytest.raises(DiskError, match="the disk is full"), whole_folder(tmp_path / "c"):
        raise OSError(28, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
    (tmp_path / "empty").mkdir()
    with whole_folder(tmp_path / "empty") as beside:
        (beside / "file").write_text("x")
    assert (tmp_path / "empty" / "file").exists()


def test_nothing_is_overwritten(tmp_path, monkeypatch):
    full, file, link, here = (tmp_path / name for name in ("full", "file", "link", "here"))
    full.mkdir()
    (full / ".hidden").write_text("x")
    file.write_text("x")
    link.symlink_to(tmp_path / "nowhere")
    for path in (full, file, link):
        with pytest.raises(UsageError, match="expected a new or an empty folder"):
            with whole_folder(path):
                pytest.fail("it begins")
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(UsageError, match="it is the current one"), whole_folder(Path()):
        pytest.fail("it begins")
    late = tmp_path / "late"
    with pytest.raises(UsageError, match="nothing is overwritten"), whole_folder(late) as beside:
        (beside / "ours").write_text("x")
        late.mkdir()
        (late / "theirs").write_text("x")
    assert [path.name for path in late.iterdir()] == ["theirs"]


def test_a_digest_is_that_of_names_types_shapes_and_values_and_sees_no_layout():
    by_hand = b"a int64 ()\n" + np.array(7, "<i8").tobytes()
    assert arrays_digest({"a": np.array(7)}) == hashlib.sha256(by_hand).hexdigest()
    turned = np.arange(6).reshape(2, 3).T
    assert arrays_digest({"c": turned}) == arrays_digest({"c": np.ascontiguousarray(turned)})
    assert arrays_digest({"c": turned}) != arrays_digest({"c": turned.T})


def test_a_network_that_is_not_the_reports_is_refused(trained, tmp_path):
    other = Recipe(architecture="torchvision:vgg11")
    record = dataclasses.replace(
        trained.load(IMPROVED),
        environment=TORCH_ENVIRONMENT,
        spec=dataclasses.replace(IMPROVED, recipe=other, engine="torch"), readings=(),
    )  # fmt: skip
    with pytest.raises(UsageError, match="expected a network of the report; got torchvision:vgg11"):
        export_weights(trained, record, tmp_path)
