"""Transformer layers in PyTorch, of the same architecture as packages/nn/src/transformer.ts."""
import torch
import torch.nn.functional as F
from torch import nn


written = False
"""Whether attention is written out as products and a softmax."""


def about(threads, note, device="cpu", attention="sdpa"):
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    where = f"{threads} threads" if device == "cpu" else torch.cuda.get_device_name()
    return f"PyTorch {torch.__version__}, {where}, {note}{', attention written out' if attention == 'written' else ''}"


def count(module):
    return sum(p.numel() for p in module.parameters())


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.heads, self.dropout = heads, dropout

    def forward(self, x, mask):
        split = lambda t: t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        rate = self.dropout if self.training else 0.0
        if written:
            weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + mask).softmax(-1)
            mixed = F.dropout(weights, rate) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
        return self.output(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, width, heads, intermediate, dropout, epsilon, pre=False, activation=F.gelu):
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.intermediate, self.output = nn.Linear(width, intermediate), nn.Linear(intermediate, width)
        self.attention_norm, self.output_norm = nn.LayerNorm(width, epsilon), nn.LayerNorm(width, epsilon)
        self.drop, self.pre, self.activation = nn.Dropout(dropout), pre, activation

    def feed(self, x):
        return self.drop(self.output(self.activation(self.intermediate(x))))

    def forward(self, x, mask=None):
        if self.pre:
            x = x + self.drop(self.attention(self.attention_norm(x), mask))
            return x + self.feed(self.output_norm(x))
        x = self.attention_norm(x + self.drop(self.attention(x, mask)))
        return self.output_norm(x + self.feed(x))
