"""The bits that the first steps have on every x86-64 CPU with AVX2, under the portable profile.

`tests/bits` shows them on emulated CPUs of several makers; `repro doctor` compares this machine.
"""

from __future__ import annotations

from collections.abc import Mapping

GOLDEN: Mapping[str, Mapping[str, str]] = {
    "2.14.1": {
        "net-relu": "aeda71485ebaf215bc993b965a24c41919398753d3b14372c31c516bf2a180f9",
        "net-leaky_relu": "92d46ab103fe8e61fefc6b31f563283d010311a9f623ac101f8ed8f7de0da1ed",
        "net-swish": "022e83657a0c934910060ff7ae304a6d91843d7cc67178a9e4ec79afe6779dfb",
        "improved": "797a96ba8a05ef1746551e60c8fcb3673a19f0edf034a442a8bf886b1c92bc17",
        "resnet": "c048937c8a9b64edb5ecbd6b6e6211919bc5aa361d8c08d10b55c81c17808255",
    },
}
"""SHA-256 of the weights after two steps on made-up images, by torch version and model.

A new version of torch may round differently. Then add its digests here (`repro doctor --format
json` prints them), pin the version in `constraints/pins.txt`, and train the records anew. Where
they change without one, the change of arithmetic has to be wanted and said in the changelog.
"""
