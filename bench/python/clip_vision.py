"""Forward and backward of CLIP's vision tower in PyTorch: clip_vision.py fp32|bf16 <settings as JSON>."""
import json
import sys
from types import SimpleNamespace

import torch
from torch import nn

from layers import Layer, about, count, quick_gelu
from serve import serve

precision, text = sys.argv[1:]
r = SimpleNamespace(**json.loads(text))


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, r.width, r.patchSize, r.patchSize, bias=False)
        self.class_token = nn.Parameter(torch.randn(r.width) * r.width**-0.5)
        patches = (r.imageSize // r.patchSize) ** 2
        self.position = nn.Parameter(torch.randn(patches + 1, r.width) * r.width**-0.5)
        self.pre_norm, self.post_norm = nn.LayerNorm(r.width), nn.LayerNorm(r.width)
        layer = lambda: Layer(r.width, r.heads, r.intermediateSize, 0.0, 1e-5, pre=True, activation=quick_gelu)
        self.layers = nn.ModuleList(layer() for _ in range(r.layers))
        self.projection = nn.Linear(r.width, r.projection, bias=False)

    def forward(self, pixels):
        patches = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(pixels), 1, -1), patches], 1) + self.position
        x = self.pre_norm(x)
        for layer in self.layers:
            x = layer(x)
        return self.projection(self.post_norm(x[:, 0]))


note = about(r.threads, f"{precision}{' autocast' if precision == 'bf16' else ''}")
tower = Tower()
nn.init.normal_(tower.projection.weight, std=r.width**-0.5)
pixels = torch.rand(r.batch, 3, r.imageSize, r.imageSize) - 0.5


def step(_):
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        loss = tower(pixels).float().square().mean()
    loss.backward()
    tower.zero_grad(set_to_none=True)
    return loss.item()


serve(note, step, count(tower))
