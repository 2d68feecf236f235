"""The RO-Crate: whole, true to the records, the same every time, and of nobody's machine.

`nox -s crate` holds it to roc-validator besides.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import re
import shutil
import sys
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from typer.testing import CliRunner

from repro import streams
from repro.__main__ import load_cli
from repro.command_line.training import train
from repro.data.layout import CHECKSUMS
from repro.data.sources import OFFICIAL
from repro.errors import EvidenceError, NoRunsError, UsageError
from repro.reporting.export.crate import export_crate
from repro.reporting.export.crate_description import CONTRIBUTORS, INPUTS
from repro.runs.digests import arrays_digest
from repro.runs.records import RunRecord, dump
from repro.runs.store import Store
from repro.spec import RunSpec
from repro.verdicts.evidence import Evidence
from repro.verdicts.expected_list import accept, load_listing
from tests.examples import ENVIRONMENT, sha
from tests.examples import record as example

ROOT = Path(__file__).parents[2]
DAY = date(2026, 11, 24)
READ = {10: 0.58, 30: 0.62}


def keep_run(store, model, seed, **environment) -> RunRecord:
    """Save a run whose predictions are the record's."""
    record, random = example(model, seed, READ), np.random.default_rng(seed)
    kept, readings = {}, []
    for reading in record.readings:
        classes = {n: random.integers(0, 10, 20, dtype=np.uint8) for n in reading.digests}
        own, *other = (hashlib.sha256(each.tobytes()).hexdigest() for each in classes.values())
        switched = reading.switched
        if switched:
            switched = dataclasses.replace(switched, predictions_sha256=other[0])
        readings.append(dataclasses.replace(reading, predictions_sha256=own, switched=switched))
        kept |= classes
    record = dataclasses.replace(
        record,
        readings=tuple(readings),
        environment=dataclasses.replace(ENVIRONMENT, **environment),
    )
    store.save(record, kept)
    return record


def keep_checkpoint(store, record, epoch) -> RunRecord:
    """Give a run a checkpoint, and its record the digest of those weights."""
    weights = dict(streams.initial_weights("net", epoch))
    epochs = list(record.epochs)
    epochs[epoch - 1] = dataclasses.replace(
        epochs[epoch - 1], weights_sha256=arrays_digest(weights)
    )
    record = dataclasses.replace(record, epochs=tuple(epochs))
    history = dataclasses.replace(
        record, epochs=record.epochs[:epoch],
        readings=tuple(r for r in record.readings if r.epoch <= epoch),
    )  # fmt: skip
    state = {f"model.{name}": value for name, value in weights.items()}
    metadata = {"record": dump(history).decode(), "sha256": arrays_digest(state)}
    store.checkpoint(record.spec, epoch).write_bytes(safetensors.numpy.save(state, metadata))
    (store.folder(record.spec) / "record.json").write_bytes(dump(record))
    return record


def make_store(root):
    store = Store(root)
    first = keep_checkpoint(store, keep_run(store, "net-relu", 0), 10)
    records = [
        first,
        keep_run(store, "net-relu", 1, kernels="1, avx512", processor="Another CPU"),
        keep_run(store, "improved", 0),
    ]
    return Evidence(store, records)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def folder(evidence, tmp_path_factory):
    place = tmp_path_factory.mktemp("crates") / "crate"
    export_crate(
        evidence, place, published=DAY, author=CONTRIBUTORS, page=lambda: "<!doctype html>"
    )
    return place


@pytest.fixture(scope="module")
def graph(folder):
    """The crate's entities, by @id."""
    entities = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({each["@id"] for each in entities}) == len(entities)
    return {each["@id"]: each for each in entities}


def several(value):
    """The @ids that a property refers to."""
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


def files_of(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def references(value):
    if isinstance(value, dict):
        yield from [value["@id"]] if value.keys() == {"@id"} else []
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_file_is_described_with_its_size_and_checksum_and_nothing_else_is(folder, graph):
    files = files_of(folder)
    described = {name for name, each in graph.items() if "File" in several_types(each)}
    assert described == files.keys() - {"ro-crate-metadata.json"}
    assert sorted(several(graph["./"]["hasPart"])) == sorted(described)
    for name in described:
        assert graph[name]["contentSize"] == str(len(files[name])), name
        assert graph[name]["sha256"] == hashlib.sha256(files[name]).hexdigest(), name
        assert graph[name]["encodingFormat"], name
    assert files["index.html"] == b"<!doctype html>"
    assert files["cli.py"] == (ROOT / "cli.py").read_bytes()


def several_types(entity):
    kinds = entity["@type"]
    return kinds if isinstance(kinds, list) else [kinds]


def test_every_reference_leads_to_an_entity_or_to_a_published_profile(graph):
    elsewhere = {each for each in references(list(graph.values())) if each not in graph}
    assert elsewhere == {
        "https://w3id.org/ro/crate/1.1",
        "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE",
        "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE",
    }


def test_the_root_says_what_it_is_when_it_was_published_and_under_which_licence(graph):
    root = graph["./"]
    assert root["datePublished"] == "2026-11-24"
    assert root["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert root["mainEntity"] == {"@id": "cli.py"}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in several(root["conformsTo"])
    assert graph["#author"] == {"@id": "#author", "@type": "Organization", "name": CONTRIBUTORS}
    assert root["author"] == root["publisher"] == {"@id": "#author"}
    assert graph["README.md"]["about"] == {"@id": "./"}


def test_each_run_is_one_action_with_its_inputs_its_outputs_and_its_environment(evidence, graph):
    actions = {name for name, each in graph.items() if each["@type"] == "CreateAction"}
    assert actions == {f"#run-{record.spec.name}" for record in evidence.records}
    assert sorted(several(graph["./"]["mentions"])) == sorted(actions)
    for record in evidence.records:
        spec, action = record.spec, graph[f"#run-{record.spec.name}"]
        data, *objects = several(action["object"])
        assert data == OFFICIAL
        values = {graph[each]["name"]: graph[each]["value"] for each in objects}
        assert values == {
            "architecture": spec.recipe.architecture, "activation": spec.recipe.activation,
            "seed": spec.seed, "epochs": 30, "device": "cpu", "engine": "kernels",
            "dataset": "cifar10",
        }  # fmt: skip
        kept = ["checkpoint-10"] if record is evidence.records[0] else []
        assert several(action["result"]) == [
            *(f"runs/{spec.name}/{n}" for n in ("record.json", "predictions.safetensors")),
            *(f"runs/{spec.name}/{n}.safetensors" for n in kept),
        ]
        assert (action["agent"], action["actionStatus"]) == (
            {"@id": "#author"}, "http://schema.org/CompletedActionStatus",
        )  # fmt: skip
        assert "endTime" not in action, "no record has a clock time"
        workflow, environment = (graph[each] for each in several(action["instrument"]))
        assert workflow["@id"] == "cli.py"
        needs = [graph[each] for each in several(environment["softwareRequirements"])]
        assert {each["name"]: each["softwareVersion"] for each in needs} == {
            name: getattr(record.environment, name) for name in ("python", "numpy")
        }
        by = f"kernels (version {record.environment.kernels}), on {record.environment.processor}."
        assert environment["description"].endswith(by)


def test_the_workflows_parameters_are_the_commands_and_know_their_examples(graph):
    workflow = graph["cli.py"]
    assert {"File", "ComputationalWorkflow"} <= set(workflow["@type"])
    assert several(workflow["input"]) == [f"#parameter-{name}" for name in INPUTS]
    for name in INPUTS:
        given = several(graph[f"#parameter-{name}"]["workExample"])
        assert given
        for each in given:
            assert graph[each]["exampleOfWork"] == {"@id": f"#parameter-{name}"}
    outputs = several(workflow["output"])
    assert outputs == [f"#parameter-{n}" for n in ("record", "predictions", "checkpoint")]
    assert [len(several(graph[each]["workExample"])) for each in outputs] == [3, 3, 1]


def test_what_the_parameters_are_unless_told_is_what_the_command_takes():
    taken = {
        name: parameter.default for name, parameter in inspect.signature(train).parameters.items()
    }
    assert {name: default for name, (_, _, default) in INPUTS.items() if default is not None} == {
        name: taken[name] for name in INPUTS if name != "architecture"
    }
    assert taken["model"] is inspect.Parameter.empty, "the architecture has to be told"


def test_the_data_set_is_named_with_its_checksums_and_not_part_of_the_crate(graph):
    parts = [graph[each] for each in several(graph[OFFICIAL]["hasPart"])]
    assert {each["name"]: each["sha256"] for each in parts} == dict(CHECKSUMS)
    assert graph[OFFICIAL]["@type"] == "CreativeWork"


def test_the_crate_is_a_run_store_and_its_readme_shows_how_to_read_it(
    evidence, folder, tmp_path, monkeypatch
):
    (block,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(folder)
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    by_name = sorted(evidence.records, key=lambda record: record.spec.name)
    assert names["records"] == by_name
    for record in by_name:
        mine, theirs = (s.predictions(record) for s in (evidence.store, Store(folder)))
        assert {k: v.tolist() for k, v in mine.items()} == {
            k: v.tolist() for k, v in theirs.items()
        }
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    shutil.copytree(folder, tmp_path / "store")
    done = CliRunner().invoke(load_cli().app, ["runs", "--format", "json"])
    assert [each["run"] for each in json.loads(done.stdout)] == [r.spec.name for r in by_name]


def test_the_readme_is_made_from_the_evidence(evidence, folder):
    text = (folder / "README.md").read_text()
    for record in evidence.records:
        count = int(record is evidence.records[0])
        assert f"| `{record.spec.name}` | 30 | 10, 30 | {count} |" in text
    assert "Trained in 2 environments:" in text
    assert "- processor: `Another CPU`" in text
    assert "| Net (ReLU) | 10 | 0.5744 | 0.5800 |" in text
    assert text.count("17 cells: ") == 1
    assert "| The report says |" in text
    assert CHECKSUMS["test_batch.bin"] in text
    assert "`index.html`" in text
    assert "`calibration.csv`" not in text, "there is none"


def test_the_lists_say_what_the_evidence_says_and_keep_its_reasons(evidence, folder, tmp_path):
    listing = load_listing(folder)
    assert {key: (n, kind) for key, (n, kind, _) in listing.verdicts.items()} == {
        (v.cell.table, v.cell.name): (v.n, v.kind.value) for v in evidence.verdicts if v.is_primary
    }
    again = make_store(tmp_path / "store")
    accept(again.store.root, again.verdicts, again.judgements, None)
    path = again.store.root / "verdicts.csv"
    path.write_text(path.read_text().replace("NOT RUN,\n", "NOT RUN,takes too long\n"))
    export_crate(again, tmp_path / "crate", published=DAY)
    assert (tmp_path / "crate" / "verdicts.csv").read_bytes() == path.read_bytes()
    assert b"takes too long" in path.read_bytes()


def test_two_exports_of_the_same_evidence_have_the_same_bytes(evidence, folder, tmp_path):
    backwards = Evidence(evidence.store, evidence.records[::-1])
    place = tmp_path / "other" / "name"
    export_crate(
        backwards, place, published=DAY, author=CONTRIBUTORS, page=lambda: "<!doctype html>"
    )
    assert files_of(place) == files_of(folder)
    export_crate(evidence, tmp_path / "later", published=date(2027, 1, 2), author=CONTRIBUTORS)
    later = json.loads((tmp_path / "later" / "ro-crate-metadata.json").read_text())
    (root,) = (each for each in later["@graph"] if each["@id"] == "./")
    assert root["datePublished"] == "2027-01-02"
    assert not (tmp_path / "later" / "index.html").exists()


def test_names_go_into_an_archive_and_come_out_again(folder, tmp_path):
    files = files_of(folder)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", name) for name in files)
    assert not any(".." in name or "//" in name for name in files)
    assert len({name.lower() for name in files}) == len(files)
    with zipfile.ZipFile(tmp_path / "crate.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert files_of(tmp_path / "out") == files


def test_who_trained_is_said_only_where_it_is_known(evidence, tmp_path):
    for author in (None, "Ada Lovelace"):
        place = tmp_path / str(author)
        export_crate(evidence, place, published=DAY, author=author)
        entities = json.loads((place / "ro-crate-metadata.json").read_text())["@graph"]
        people = [each for each in entities if each["@type"] in ("Person", "Organization")]
        assert people == ([{"@id": "#author", "@type": "Person", "name": author}] if author else [])
        (root,) = (each for each in entities if each["@id"] == "./")
        assert root.get("author") == ({"@id": "#author"} if author else None)
        assert "publisher" not in root, "who trained has published nothing by that"
        agents = [each.get("agent") for each in entities if each["@type"] == "CreateAction"]
        assert agents == [{"@id": "#author"} if author else None] * 3


def test_one_run_is_enough(evidence, tmp_path):
    export_crate(Evidence(evidence.store, evidence.records[2:]), tmp_path / "one", published=DAY)
    entities = json.loads((tmp_path / "one" / "ro-crate-metadata.json").read_text())["@graph"]
    graph = {each["@id"]: each for each in entities}
    name = evidence.records[2].spec.name
    assert graph["./"]["mentions"] == {"@id": f"#run-{name}"}, "no list of one"
    assert graph["#parameter-seed"]["workExample"] == {"@id": "#seed-0"}
    assert "workExample" not in graph["#parameter-checkpoint"]


def broken_predictions(evidence):
    record = evidence.records[1]
    path = evidence.store.folder(record.spec) / "predictions.safetensors"
    named = safetensors.numpy.load(path.read_bytes())
    named["10"] = (named["10"] + 1) % 10
    path.write_bytes(safetensors.numpy.save(named))


def broken_checkpoint(evidence):
    record = evidence.records[0]
    epochs = list(record.epochs)
    epochs[9] = dataclasses.replace(epochs[9], weights_sha256=sha("other weights"))
    evidence.records[0] = dataclasses.replace(record, epochs=tuple(epochs))


@pytest.mark.parametrize("harm", [broken_predictions, broken_checkpoint])
def test_what_is_not_the_records_is_not_exported(harm, tmp_path):
    evidence = make_store(tmp_path / "store")
    harm(evidence)
    with pytest.raises(EvidenceError):
        export_crate(evidence, tmp_path / "crate", published=DAY)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_without_runs_or_without_rocrate_nothing_is_written(evidence, tmp_path, monkeypatch):
    with pytest.raises(NoRunsError, match="no runs yet"):
        export_crate(Evidence(evidence.store, []), tmp_path / "crate", published=DAY)
    for name in [each for each in sys.modules if each.partition(".")[0] == "rocrate"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rocrate", None)
    with pytest.raises(UsageError, match=r"needs the package rocrate: .*'\.\[rocrate"):
        export_crate(evidence, tmp_path / "crate", published=DAY)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_line_writes_it_with_the_page_and_no_place_on_this_machine(
    tmp_path, monkeypatch
):
    home, out = tmp_path / "home", tmp_path / "out"
    monkeypatch.setenv("REPRO_HOME", str(home))
    make_store(home / "store")
    keep_run(Store(home / "store"), "net-swish", 0)

    def call(*more):
        words = ["export", "rocrate", str(out), "--device", "cpu", *more]
        return CliRunner().invoke(load_cli().app, words)

    done = call("--date", "2026-11-24", "--author", "Ada Lovelace")
    assert done.exit_code == 0, done.output
    assert "4 runs as an RO-Crate" in " ".join(done.output.split())
    files = files_of(out)
    assert b"<!doctype html>" in files["index.html"]
    assert b"Ada Lovelace" in files["ro-crate-metadata.json"]
    places = {tmp_path, ROOT, Path.cwd(), Path.home(), Path(sys.prefix)}
    for name, data in files.items():
        assert not [each for each in places if str(each).encode() in data], name
    assert call().exit_code == 2
    assert files_of(out) == files, "nothing is overwritten"
    assert call("--date", "24.11.2026").exit_code == 2


def test_made_up_runs_of_another_place_are_left_out(tmp_path, monkeypatch):
    """The evidence is of one device, engine and data set, as the page's is."""
    monkeypatch.setenv("REPRO_HOME", str(tmp_path / "home"))
    evidence = make_store(tmp_path / "home" / "store")
    other = dataclasses.replace(
        evidence.records[2],
        spec=RunSpec(recipe=evidence.records[2].spec.recipe, seed=0, dataset="synthetic"),
    )
    kept = evidence.store.predictions(evidence.records[2])
    evidence.store.save(other, kept)
    words = ["export", "rocrate", str(tmp_path / "out"), "--device", "cpu"]
    monkeypatch.setattr("repro.reporting.page.build", lambda *_, **__: "page")
    assert CliRunner().invoke(load_cli().app, words).exit_code == 0
    names = {path.name for path in (tmp_path / "out" / "runs").iterdir()}
    assert names == {record.spec.name for record in evidence.records}
