"""The notebooks from end to end, in a kernel like Colab's: torch is there, and so is MPLBACKEND."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from repro.data.dataset import default_folder
from repro.paths import home

pytestmark = pytest.mark.regression

FOLDER = Path(__file__).parent.parent.parent / "notebooks"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A new home with the verified data set; the second notebook finds the run of the first."""
    folder = tmp_path_factory.mktemp("home")
    default_folder(folder).parent.mkdir(parents=True)
    shutil.copytree(default_folder(home()), default_folder(folder))
    return folder


# pyzmq and tornado leave sockets and event loops to be collected.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("name", ["reproduce.ipynb", "reproduce.zh.ipynb"])
def test_a_notebook_runs_to_its_end(name, place):
    notebook = nbformat.read(FOLDER / name, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import torch"))
    environment = {
        **os.environ,
        "REPRO_HOME": str(place),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )
    client.execute(env=environment)
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    printed = {
        cell: "".join(each.text for each in found if each.output_type == "stream")
        for cell, found in outputs.items()
    }
    kinds = {
        cell: [kind for each in found for kind in each.get("data", {})]
        for cell, found in outputs.items()
    }
    assert "the same weights after each of 10 epochs, bit for bit" in printed["row"]
    assert "\x1b" not in printed["train"]
    bars = [each for each in outputs["train"] if each.output_type == "display_data"]
    if name == "reproduce.ipynb":
        assert [each.data["text/plain"] for each in bars] == ["net relu, seed 0 100% done"]
        assert len(printed["train"].splitlines()) < 10
    else:
        assert (bars, printed["train"]) == ([], ""), "the run is there already"
    (row,) = (each for each in outputs["row"] if each.output_type == "execute_result")
    assert ("ONE RUN" if name == "reproduce.ipynb" else "仅一次训练") in row.data["text/html"]
    accuracy = float(printed["predict"].split()[-1].rpartition("：")[2])
    assert f"{accuracy:.4f}" in row.data["text/html"]
    assert "image/png" in kinds["curve"]
    for cell in ("curves", "predict", "overview"):
        assert "image/svg+xml" in kinds[cell]
    assert not [each for found in outputs.values() for each in found if each.output_type == "error"]
