"""Deterministic values that Python and TypeScript both make, so that fixtures hold results only."""
import json
import math
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]


def wave(shape, phase, scale=0.3):
    """scale * sin(0.7 i + phase) over the flat index i, in the shape."""
    count = math.prod(shape)
    values = torch.sin(torch.arange(count, dtype=torch.float64) * 0.7 + phase) * scale
    return values.reshape(shape).to(torch.float32)


def fill(parameters):
    """Fills (path, tensor, transposed) in order: parameter k gets wave(phase k); weights are stored [in, out] in TypeScript."""
    with torch.no_grad():
        for k, (path, tensor, transposed) in enumerate(parameters):
            shape = tuple(tensor.shape[::-1]) if transposed else tuple(tensor.shape)
            values = wave(shape, k) + (1.0 if path.endswith("gamma") else 0.0)
            tensor.copy_(values.T if transposed else values)


def gradients(parameters):
    return {path: flat(tensor.grad.T if transposed else tensor.grad) for path, tensor, transposed in parameters}


def flat(tensor):
    return [round(value, 8) for value in tensor.detach().double().contiguous().flatten().tolist()]


def linear(path, module):
    return [(f"{path}.weight", module.weight, True), (f"{path}.bias", module.bias, False)]


def norm(path, module):
    return [(f"{path}.gamma", module.weight, False), (f"{path}.beta", module.bias, False)]


def layer(path, module):
    """One Hugging Face BertLayer by our paths, in our order."""
    attention = module.attention
    return (
        linear(f"{path}.attention.query", attention.self.query)
        + linear(f"{path}.attention.key", attention.self.key)
        + linear(f"{path}.attention.value", attention.self.value)
        + linear(f"{path}.attention.output", attention.output.dense)
        + norm(f"{path}.attentionNorm", attention.output.LayerNorm)
        + linear(f"{path}.intermediate", module.intermediate.dense)
        + linear(f"{path}.output", module.output.dense)
        + norm(f"{path}.outputNorm", module.output.LayerNorm)
    )


def input_embedding(path, module):
    return [
        (f"{path}.position", module.position_embeddings.weight, False),
        (f"{path}.segment", module.token_type_embeddings.weight, False),
    ] + norm(f"{path}.norm", module.LayerNorm)


def bert(path, model):
    """A Hugging Face BertModel by our paths, in our order."""
    embeddings = model.embeddings
    parameters = [(f"{path}embeddings.word", embeddings.word_embeddings.weight, False)]
    parameters += input_embedding(f"{path}embeddings", embeddings)
    for i, module in enumerate(model.encoder.layer):
        parameters += layer(f"{path}layers.{i}", module)
    return parameters


def write(package, name, data):
    target = ROOT / "packages" / package / "test" / "fixtures" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(data) + "\n")
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes")
