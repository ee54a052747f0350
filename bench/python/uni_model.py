"""The pretraining step (train) and the forward pass (embed) of the single-stream model in PyTorch.

uni_model.py train|embed plain|equal|compiled fp32|tf32|bf16 <folder with recipe.json and batches> [cpu|cuda [sdpa|written]]
plain pads to the maximum and sends every position through the heads; equal pads to the batch's longest row and sends
only the masked positions. compiled: as equal, through torch.compile (inductor), layer by layer as they are all alike. Shapes are
static, for dynamic ones fail on some versions: rows are padded to a multiple of 64 tokens, and masked positions to the most
of a batch of that length. What it compiles is compiled, and timed, before the first step. written: attention as products and a softmax instead of scaled_dot_product_attention.
"""
import json
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

import layers
from layers import Layer, about, count
from serve import say, serve

mode, variant, precision, folder, device, attention = [*sys.argv[1:], *["cpu", "sdpa"][len(sys.argv) - 5 :]]
layers.written = attention == "written"
plain, compiled = variant == "plain", variant == "compiled"
if compiled and not any(map(shutil.which, ("c++", "g++", "clang++"))):
    say(skip="torch.compile needs a C++ compiler and there is none: apt-get install g++")
    sys.exit(0)
r = SimpleNamespace(**json.loads((Path(folder) / "recipe.json").read_text()))
EPSILON = 1e-12


class Input(nn.Module):
    """Positions and token types, normalised."""

    def __init__(self, positions):
        super().__init__()
        self.position, self.segment = nn.Embedding(positions, r.width), nn.Embedding(2, r.width)
        self.norm, self.drop = nn.LayerNorm(r.width, EPSILON), nn.Dropout(r.dropout)

    def forward(self, x):
        types = torch.zeros(x.shape[:2], dtype=torch.long, device=x.device)
        return self.drop(self.norm(x + self.position.weight[: x.shape[1]] + self.segment(types)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(r.vocabulary, r.width)
        self.text, self.frames = Input(r.positions), Input(r.frames)
        self.projection = nn.Linear(r.frameSize, r.width)
        self.layers = nn.ModuleList(
            Layer(r.width, r.heads, r.intermediate, r.dropout, EPSILON) for _ in range(r.layers)
        )

    def forward(self, tokens, text_mask, frames):
        x = torch.cat([self.text(self.word(tokens)), self.frames(self.projection(frames))], 1)
        mask = F.pad(text_mask, (0, frames.shape[1]), value=1)
        bias = ((1 - mask) * -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        return x.split([tokens.shape[1], frames.shape[1]], 1)


class Head(nn.Module):
    """Dense, GELU, normalisation."""

    def __init__(self):
        super().__init__()
        self.transform, self.norm = nn.Linear(r.width, r.width), nn.LayerNorm(r.width, EPSILON)

    def forward(self, x):
        return self.norm(F.gelu(self.transform(x)))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.mlm, self.mlm_bias = Head(), nn.Parameter(torch.zeros(r.vocabulary))
        self.mfm, self.mfm_output = Head(), nn.Linear(r.width, r.frameSize)
        self.tag = nn.Linear(r.width, r.tags)

    def loss(self, b):
        text, frames = self.encoder(b.tokens, b.text_mask, b.frames)
        words = text.flatten(0, 1) if plain else text.flatten(0, 1)[b.masked]
        pictures = frames.flatten(0, 1) if plain else frames.flatten(0, 1)[b.masked_frames]
        logits = F.linear(self.mlm(words), self.encoder.word.weight, self.mlm_bias)
        similarity = self.mfm_output(self.mfm(pictures)) @ b.candidates.T
        tags = self.tag(text[:, 0])
        return (
            F.cross_entropy(logits.float(), b.labels)
            + F.cross_entropy(similarity.float(), b.frame_labels)
            + F.binary_cross_entropy_with_logits(tags.float(), b.truth)
        )


def read(i):
    """A batch, padded and labelled as the variant wants it. In cross_entropy -100 means: not asked."""
    data = json.loads((Path(folder) / f"{i}.json").read_text())
    length = r.tokens if plain else longest(data)
    b = SimpleNamespace(
        tokens=torch.tensor([row + [0] * (length - len(row)) for row in data["tokens"]]),
        text_mask=torch.tensor([[1.0] * len(row) + [0.0] * (length - len(row)) for row in data["tokens"]]),
        candidates=torch.frombuffer(bytearray((Path(folder) / f"{i}.f32").read_bytes()), dtype=torch.float32),
        masked=torch.tensor([video * length + column for video, column, _ in data["maskedTokens"]]),
        masked_frames=torch.tensor(data["maskedFrames"]),
        truth=torch.zeros(r.batch, r.tags),
    )
    b.candidates = b.candidates.view(-1, r.frameSize)
    b.frames = b.candidates.clone()
    b.frames[b.masked_frames] = 0
    b.frames = b.frames.view(r.batch, -1, r.frameSize)
    labels = torch.tensor([label for _, _, label in data["maskedTokens"]])
    if compiled:
        b.masked, labels = filled(b.masked, 0, most[length][0]), filled(labels, -100, most[length][0])
    b.labels = spread(labels, b.masked, b.tokens.numel()) if plain else labels
    b.frame_labels = spread(b.masked_frames, b.masked_frames, len(b.candidates)) if plain else b.masked_frames
    if compiled:
        size = most[length][1]
        b.frame_labels, b.masked_frames = filled(b.frame_labels, -100, size), filled(b.masked_frames, 0, size)
    for row, tags in enumerate(data["tags"]):
        b.truth[row, tags] = 1
    return b


def longest(data):
    length = max(map(len, data["tokens"]))
    return min(r.tokens, -(-length // 64) * 64) if compiled else length


def filled(values, filler, size):
    return F.pad(values, (0, size - len(values)), value=filler)


def spread(labels, places, size):
    return torch.full((size,), -100).index_put((places,), labels)


def fresh(module):
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
note = about(r.threads, f"{precision}{' autocast' if precision == 'bf16' else ''}, {variant}", device, attention)
torch.manual_seed(1)
most = {}
"""Masked words and frames of the batches that have most, by length."""
for i in range(r.batches):
    data = json.loads((Path(folder) / f"{i}.json").read_text())
    masked = [len(data["maskedTokens"]), len(data["maskedFrames"])]
    most[longest(data)] = [*map(max, most.get(longest(data), masked), masked)]
batches = [read(i) for i in range(r.batches)]
model = Model().apply(fresh).to(device)
autocast = lambda: torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")
decay = [p for p in model.parameters() if p.ndim > 1]
rest = [p for p in model.parameters() if p.ndim == 1]
groups = [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]


def on_device(batch):
    """A training copies each of its batches."""
    return SimpleNamespace(**{name: values.to(device, non_blocking=True) for name, values in vars(batch).items()})


def train(index):
    b = on_device(batches[index])
    with autocast():
        loss = model.loss(b)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if device == "cuda":
        torch.cuda.synchronize()
    return loss.item()


@torch.inference_mode()
def embed(index):
    b = on_device(batches[index])
    with autocast():
        model.encoder(b.tokens, b.text_mask, b.frames)


def compile_all():
    """Compiles for every shape that will come; seconds."""
    start = time.perf_counter()
    parts = [*model.encoder.layers, model.mlm, model.mfm] if mode == "train" else model.encoder.layers
    for part in parts:
        part.compile(dynamic=False)
    for b in {b.tokens.shape: b for b in batches}.values():
        if mode == "embed":
            embed(next(i for i, other in enumerate(batches) if other is b))
            continue
        with autocast():
            loss = model.loss(on_device(b))
        loss.backward()
        model.zero_grad(set_to_none=True)
    return time.perf_counter() - start


if mode == "embed":
    model.eval()
if compiled:
    note += f", compiled in {compile_all():.0f} s before the first step"
if mode == "train":
    optimizer = torch.optim.AdamW(groups, lr=5e-5, fused=True)
    serve(note, train, count(model))
else:
    serve(note, embed, count(model.encoder))
