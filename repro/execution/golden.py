"""The bits of the first steps, for `repro doctor` and the tests to compare with."""

from __future__ import annotations

from collections.abc import Mapping

KERNELS: Mapping[str, str] = {
    "net-relu": "9e9d52ebb7747c20781c1c449d7cc8b2f3b5b8d39384b6775640c0977544f943",
    "net-leaky_relu": "a876e8426547250eccabebddbe47fffb4820072c0cb8111a7673d3e84b5fcd31",
    "net-swish": "b2d5342a4c57bca64f869346ef278bd7e47711ff21d3b20ecd3e1b2d89c035b6",
    "improved": "62025c11d587be9618dd5020dd8a5e45e2ef0e42075b9b33c1072217c16e9cb4",
    "resnet": "8e3b61af62c70a31a83e70c4d98f3b1bbb7397f545d72a8956c7645f1c32e7ed",
}
"""SHA-256 of the weights after two steps on made-up images, by model: on every CPU, operating
system and compiler, with any number of threads. Where these change, the arithmetic did: raise
`repro_version` in `kernels/c/kernels.c`, and train the records anew."""

TORCH: Mapping[str, Mapping[str, str]] = {
    "2.14.1": {
        "net-relu": "5fe5795a801788d103005606056206edeed7d3cd83e5b41537e0e63ab5383182",
        "net-leaky_relu": "bedf031abb2fdc35c7f5cff48a9d50f447b820a33bae723ad9aa061c56a8758d",
        "net-swish": "c7f6af6020c202c27299f7a4152711c43eb2bfffdb339688ac6d0db73ebb4acc",
        "improved": "17d06b34ff7c47fbc8f4ae06959324f876482c98bfba9e425267de7c9b544e32",
        "resnet": "a0942669ee62db37d1893ce26d3d80300220c646d4b776a8112049dd91d41eef",
    },
}
"""The same by version of torch: on every x86-64 CPU with AVX2.

A new version may round differently. Then add its digests here (`repro doctor --format json` prints
them) and pin the version in `constraints/pins.txt`.
"""
