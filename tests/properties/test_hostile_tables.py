from __future__ import annotations

import os
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from repro.data import download as module
from repro.data.download import download
from repro.data.labels import read_labels, score
from repro.data.layout import CLASSES
from repro.errors import DataError, ReproError
from repro.paths import packaged
from repro.verdicts.cells import TABLES, Cell, load_cells
from tests.hostile import guarded, mutated, outcome, tree
from tests.hosts import Host, serving

HEADER = "Image,Category\n"
HONEST = (HEADER + "".join(f"{n},{CLASSES[n % 10]}\n" for n in range(1, 13))).encode()


@pytest.fixture(scope="module")
def csv_path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "a.csv"


def assert_read_as_it_says_or_refused(path, data: bytes) -> None:
    path.write_bytes(data)
    read = outcome(lambda: read_labels(path))
    if isinstance(read, ReproError):
        assert isinstance(read, DataError)
        return
    pairs = re.findall(rb'^"?0*(\d+)"?,"?([a-z]+)"?$', data.replace(b"\r", b"\n"), re.MULTILINE)
    said = {int(number): name.decode() for number, name in pairs}
    assert len(pairs) == len(said) == len(read)
    assert {n: CLASSES[c] for n, c in enumerate(read, 1)} == said


@given(mutated(HONEST))
def test_damaged_labels_are_read_as_they_say_or_refused(csv_path, data):
    assert_read_as_it_says_or_refused(csv_path, data)


cells = st.sampled_from([
    "1", "2", "3", "01", "0", "-1", "+1", " 1", "1 ", "1.0", "1e0", "٣", "１", "²", "9" * 10_000,
    "nan", "", "cat", "dog", "Cat", " cat", "cat\0", "\0", '"', '""', '"1"', '"cat"', '"a\nb"', "'",
    "猫", "a" * 200_000, "\ufeff", "\u2028", "=1+1", "\x1b[2J",
])  # fmt: skip
honest_lines = st.sampled_from(["1,cat", "2,dog", "3,cat", '"1","cat"', '"2","dog"', "02,dog"])
lines = honest_lines | st.sampled_from(["1,dog", "1,cat,", "1"]) | st.lists(cells, max_size=4).map(",".join)  # fmt: skip


@given(
    st.just(HEADER) | st.sampled_from(["", "\ufeff" + HEADER, "\n" + HEADER, '"Image","Category"\n', '"Im\nage",x\n']),
    st.lists(lines, max_size=5), st.just("\n") | st.sampled_from(["\r", "\r\n", "\n\n", "\0\n", "\x85"]),
    st.just("utf-8") | st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gb18030"]),
)  # fmt: skip
@example(HEADER, ["1,cat,"], "\n", "utf-8")
@example(HEADER, ["1,cat", "1,cat"], "\n", "utf-8")
def test_strange_cells_are_read_as_they_say_or_refused(csv_path, head, rows, end, encoding):
    text = head + "".join(row + end for row in rows)
    assert_read_as_it_says_or_refused(csv_path, text.encode(encoding))


TABLES_OF_LABELS = {
    "a million columns": HEADER.encode() + b"a," * 1_000_000,
    "a million columns in the header": b"a," * 1_000_000,
    "ten million columns": HEADER.encode() + b"," * 9_900_000,
    "a hundred megabytes": HEADER.encode() + b"," * 100_000_000,
    "ten million lines": HEADER.encode() + b"\n" * 9_900_000,
    "one field": HEADER.encode() + b"a" * 9_900_000,
    "a quote that never ends": HEADER.encode() + b'1,"' + b"\n" * 9_900_000,
    "ten megabytes of NUL": bytes(9_900_000),
    "two million wrong lines": HEADER.encode() + b"a,b\n" * 2_400_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TABLES_OF_LABELS))
def test_a_table_that_is_too_large_stays_within_memory_and_time(tmp_path, name):
    (tmp_path / "a.csv").write_bytes(TABLES_OF_LABELS[name])
    assert guarded(lambda: read_labels(tmp_path / "a.csv"))


def test_a_path_without_an_end_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "a.csv").write_bytes(HONEST)
    for name in ("fifo", "zero", "loop", ""):
        assert guarded(lambda name=name: read_labels(tmp_path / name))
        assert guarded(lambda name=name: score(tmp_path / "a.csv", tmp_path / name))


figures = st.sampled_from([
    "10", "0", "-1", "1e1", "nan", "inf", "-inf", "9" * 10_000, "0.5744", "57.44", "0.05", "",
    "net-relu", "Net", "lenet", "p", "a\0b", '"', '"a\nb"', "a" * 200_000, "猫", "\x1b[2J",
])  # fmt: skip


@given(
    st.sampled_from(["", "epochs,column,model,accuracy,tolerance,place\n", "\ufeffepochs\n", "\0\n"]),
    st.lists(st.lists(figures, max_size=8).map(",".join), max_size=4),
    st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)  # fmt: skip
def test_a_strange_table_of_figures_is_cells_or_refused(tmp_path_factory, head, rows, encoding):
    folder = tmp_path_factory.getbasetemp() / "figures"
    folder.mkdir(exist_ok=True)
    for table in TABLES:
        name = f"table-{table}.csv"
        (folder / name).write_bytes((packaged("expected_results") / name).read_bytes())
    text = head + "".join(row + "\n" for row in rows)
    (folder / "table-3-2.csv").write_bytes(text.encode(encoding, errors="replace"))
    given_back = outcome(lambda: load_cells(folder))
    if isinstance(given_back, list):
        assert all(type(cell) is Cell and 0 <= cell.expected <= 1 for cell in given_back)
    else:
        assert isinstance(given_back, DataError)


BODY = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def host():
    with serving(Host(BODY)) as one:
        yield one


claims = st.sampled_from(
    ["0", "-1", "1", "9999", "10241", "1" + "0" * 30, "nan", "", "1,2", "0x10", "9" * 5000, "2147483648"]
)  # fmt: skip
manners = st.fixed_dictionaries({"claims": claims}) | st.fixed_dictionaries(
    {},
    optional={
        "claims": claims,
        "cuts_after": st.just(0) | st.integers(2000, len(BODY)),  # what came is no failure
        "no_length": st.just(value=True),
        "refuses_ranges": st.just(value=True),
        "type": st.sampled_from(["text/html", "a\x1b[2J", "", "x" * 5000]),
        "status": st.sampled_from([204, 304, 403, 404, 416, 500, 503]),
    },
)


@given(manners, st.integers(0, 2 * len(BODY)) | st.none())
def test_a_host_that_lies_gives_a_piece_of_its_file_or_none(tmp_path_factory, host, manners, have):
    """The piece is then held to its checksum; what matters here is that nothing else happens."""
    host.manners = manners
    folder = tmp_path_factory.mktemp("d")
    if have is not None:
        (folder / "a.part").write_bytes((BODY * 2)[:have])
    given_back = outcome(
        lambda: download(
            host.url, folder / "a", progress=lambda *_: None, timeout_s=0.5, attempts=1
        )
    )
    assert tree(folder) <= {"a", "a.part"}
    assert (folder / "a").exists() == (given_back is None)
    if given_back is None:
        assert (folder / "a").read_bytes() in BODY * 2


@pytest.mark.parametrize("manners", [{"no_length": True}, {"claims": "1000001"}])
def test_a_host_without_an_end_is_cut_off_at_the_limit(tmp_path, monkeypatch, manners):
    monkeypatch.setattr(module, "_SIZE_LIMIT", 5000)
    with serving(Host(bytes(1_000_000), **manners)) as endless:
        refusal = outcome(
            lambda: download(
                endless.url, tmp_path / "a", progress=lambda *_: None, timeout_s=0.5, attempts=1
            )
        )
    assert "expected under 5,000 bytes" in str(refusal)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5000 + 65_536
