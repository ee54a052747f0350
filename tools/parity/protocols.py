"""Checkpoints of every pickle protocol, in both containers of torch.save: packages/checkpoints/test/fixtures/protocols.json."""
import base64
import io
import json

import torch

from common import ROOT

WEIGHTS = {"w": torch.arange(6.0).view(2, 3), "b": torch.tensor([0.5, -2.0]).half()}


def saved(value, protocol, container):
    file = io.BytesIO()
    torch.save(value, file, pickle_protocol=protocol, _use_new_zipfile_serialization=container == "zip")
    return base64.b64encode(file.getvalue()).decode()


cases = [
    {"protocol": protocol, "container": container, "prefix": prefix, "file": saved(value, protocol, container)}
    for protocol in (2, 3, 4, 5)
    for container in ("zip", "legacy")
    for prefix, value in (
        ("", WEIGHTS),
        ("module.", {"state_dict": {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}, "epoch": 3}),
    )
]
(ROOT / "packages/checkpoints/test/fixtures/protocols.json").write_text(json.dumps(cases, indent=0) + "\n")
