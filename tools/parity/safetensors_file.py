"""A small file of every type that packages/checkpoints reads, written by the reference implementation, with its values."""
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from common import ROOT, write


def tensors():
    special = torch.tensor([[0.0, -0.0, 1.0], [65504.0, 6.1e-5, 5.9e-8], [float("inf"), -2.5, -1 / 3]])
    whole = torch.tensor([0, 1, -7, 113, -128, 127])
    return {
        "f64": special.double(), "f32": special, "f16": special.half(), "bf16": special.bfloat16(),
        "i64": whole, "i32": whole.int(), "i16": whole.short(), "i8": whole.char(), "u8": whole.abs().byte(),
        "bool": whole > 0, "scalar": torch.tensor(2.75), "empty": torch.zeros(0, 5), "名": torch.arange(3).float(),
    }


def main():
    folder = ROOT / "packages" / "checkpoints" / "test" / "fixtures"
    values = tensors()
    save_file(values, folder / "types.safetensors", {"format": "pt"})
    # Bits as int64 numbers: JSON has neither -0 nor infinity.
    write("checkpoints", "types.json", {
        name: {
            "shape": list(t.shape),
            "values": t.float().contiguous().numpy().view(np.uint32).flatten().tolist()
            if t.is_floating_point() else t.long().flatten().tolist(),
        }
        for name, t in values.items()
    })
    floats = {name: t for name, t in values.items() if t.dtype in (torch.float32, torch.int32)}
    save_file(floats, folder / "floats.safetensors", {"format": "pt"})


main()
