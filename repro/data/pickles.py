"""The pickles of CIFAR-10's python version, read without unpickling: nothing in them is ever run.

An unpickler that knows a few harmless names still obeys everything else that a pickle says: ten
bytes have it make a memo of gigabytes, a tuple nested deep enough ends the process when it is
hashed, and a state can be set on our own functions. So the few operations that honest batches
consist of are done here, on plain values, and any other is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import numpy as np

from repro.data import layout
from repro.data.layout import Bytes
from repro.errors import DataError, sentence, told_by


class _Name(Enum):
    """The names that the pickles use; each stands for itself and is never imported."""

    DTYPE = "dtype"
    ARRAY = "ndarray"
    RECONSTRUCT = "_reconstruct"
    FROM_BUFFER = "_frombuffer"
    ENCODE = "encode"


_NAMES: Mapping[tuple[str, str], _Name] = {
    ("numpy", "dtype"): _Name.DTYPE,
    ("numpy", "ndarray"): _Name.ARRAY,
    ("numpy.core.multiarray", "_reconstruct"): _Name.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _Name.RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _Name.FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _Name.FROM_BUFFER,
    ("_codecs", "encode"): _Name.ENCODE,
}
_OPERATIONS_PER_IMAGE = 20
"""A label and a file name take three to ten, by the protocol."""

_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "BINBYTES", "SHORT_BINBYTES",
    "BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "NONE",
}  # fmt: skip
_BYTE_STRINGS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}  # Python 2's str
_NEW: Mapping[str, Callable[[], Any]] = {
    "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict,
}  # fmt: skip
_OF_MARKED: Mapping[str, Callable[[list[Any]], Any]] = {
    "TUPLE": tuple, "LIST": list, "DICT": lambda items: _set({}, items),
}  # fmt: skip
_LAST = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_GET = {"GET", "BINGET", "LONG_BINGET"}


class _Dtype:
    """What a pickle says of a numpy.dtype: its name. Byte order and the like mean nothing here."""

    def __init__(self, name: Any) -> None:
        self.name = name


class PickledArray:
    """What a pickle says of a numpy.ndarray, as yet unverified."""

    state: Any = None

    def rows_of_bytes(self, width: int, name: str) -> Bytes:
        """The array as uint8 (N, width).

        Raises:
            DataError: another dtype, shape or order of memory.
        """
        try:
            _, (rows, columns), dtype, is_fortran, raw = self.state
            named = isinstance(dtype, _Dtype) and dtype.name
            of_bytes = named in ("u1", b"u1") and is_fortran in (False, 0)
            if of_bytes and columns == width and rows * columns == len(raw):
                return np.frombuffer(raw, np.uint8).reshape(rows, columns)
        except (TypeError, ValueError):
            pass
        raise DataError(
            sentence(
                "{name}: expected an array of bytes with {width} columns", name=name, width=width
            )
        )


def load_pickle(data: bytes, name: str) -> dict[Any, Any]:
    """One pickled dictionary of CIFAR-10's python version; no code in it is ever run.

    Raises:
        DataError: anything else, and anything that names a class or function of its own.
    """
    try:
        value = _Machine(data).run()
    except Exception as error:  # a hostile pickle can raise anything
        words = told_by(error) if isinstance(error, ValueError) else repr(error)
        raise DataError(
            sentence("{name}: not a pickle of CIFAR-10: {words}", name=name, words=words)
        ) from None
    if not isinstance(value, dict):
        raise DataError(
            sentence(
                "{name}: expected a pickled dictionary; got {kind}",
                name=name,
                kind=type(value).__name__,
            )
        )
    return value


class _Machine:
    """A pickle's stack, marks and memo; all that it makes is linear in the pickle's size."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.encoded = 0

    def run(self) -> Any:
        most = _OPERATIONS_PER_IMAGE * layout.IMAGES_PER_FILE + 1000
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self.data)):
            if opcode.name == "STOP":
                break
            if count >= most:
                raise ValueError(sentence("expected at most {most:,} operations", most=most))
            self.step(opcode.name, argument)
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:  # noqa: PLR0912 - a line an operation
        stack = self.stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _BYTE_STRINGS:
            stack.append(argument.encode("latin-1"))
        elif name in _NEW:
            stack.append(_NEW[name]())
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in _OF_MARKED:
            stack.append(_OF_MARKED[name](self.marked()))
        elif name in _LAST:
            stack.append(tuple(self.cut(len(stack) - _LAST[name])))
        elif name in {"APPEND", "APPENDS"}:
            items = self.marked() if name == "APPENDS" else [stack.pop()]
            _of_type(stack[-1], list).extend(items)
        elif name in {"SETITEM", "SETITEMS"}:
            items = self.marked() if name == "SETITEMS" else self.cut(len(stack) - 2)
            _set(_of_type(stack[-1], dict), items)
        elif name in _PUT:
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in _GET:
            stack.append(self.memo[argument])
        elif name == "GLOBAL":
            stack.append(_named(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            stack.append(_named(*self.cut(len(stack) - 2)))
        elif name == "REDUCE":
            stack.append(self.called(*self.cut(len(stack) - 2)))
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], PickledArray):
                stack[-1].state = state
            elif not isinstance(stack[-1], _Dtype):
                raise ValueError(sentence("a state for something other than an array or its dtype"))
        elif name not in {"PROTO", "FRAME"}:
            raise ValueError(sentence("the operation {name} has no place in CIFAR-10", name=name))

    def cut(self, start: int) -> list[Any]:
        if start < 0:
            raise ValueError(sentence("something is taken from an empty stack"))
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def marked(self) -> list[Any]:
        return self.cut(self.marks.pop())

    def called(self, function: Any, arguments: Any) -> Any:
        if function is _Name.RECONSTRUCT:
            return PickledArray()
        if function is _Name.FROM_BUFFER:  # protocol 5
            raw, dtype, shape, order = _of_type(arguments, tuple)
            array = PickledArray()
            array.state = None, shape, dtype, order != "C", _of_type(raw, bytearray)
            return array
        if function is _Name.DTYPE:
            return _Dtype(_of_type(arguments, tuple)[0])
        if function is _Name.ENCODE:  # how Python 3 writes bytes into a protocol that had none
            text, encoding = _of_type(arguments, tuple)
            self.encoded += len(_of_type(text, str))
            if encoding == "latin1" and self.encoded <= 2 * len(self.data):
                return text.encode("latin-1")
        raise ValueError(sentence("a call that has no place in CIFAR-10"))


def _named(module: Any, name: Any) -> _Name:
    pair = _of_type(module, str), _of_type(name, str)
    if pair not in _NAMES:
        raise ValueError(
            sentence("{module}.{name} has no place in CIFAR-10", module=module, name=name)
        )
    return _NAMES[pair]


def _set(target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    for key, value in zip(items[::2], items[1::2], strict=True):
        # A tuple as a key would be hashed, and a nested one can take a century or the process.
        if type(key) not in {bytes, str}:
            raise ValueError(
                sentence("expected text as a key; got {kind}", kind=type(key).__name__)
            )
        target[key] = value
    return target


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(
            sentence(
                "expected {expected}; got {kind}", expected=kind.__name__, kind=type(value).__name__
            )
        )
    return value
