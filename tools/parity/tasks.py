"""Values and gradients of every pretraining loss, written independently in PyTorch."""
import math

import torch
import torch.nn.functional as F
from common import flat, wave, write

B, L, FR, D, V, DV, T = 3, 7, 5, 14, 23, 13, 11


def leaf(shape, phase, scale=0.3, offset=0.0):
    return (wave(shape, phase, scale) + offset).requires_grad_()


def head(phase, width_out):
    return {
        "transform.weight": leaf((D, D), phase), "transform.bias": leaf((D,), phase + 1),
        "norm.gamma": leaf((D,), phase + 2, offset=1.0), "norm.beta": leaf((D,), phase + 3),
        **width_out,
    }


def transform(x, h):
    x = F.gelu(x @ h["transform.weight"] + h["transform.bias"])
    return F.layer_norm(x, (D,), h["norm.gamma"], h["norm.beta"], 1e-12)


def result(loss, leaves):
    loss.backward()
    return {"loss": loss.item(), "gradients": {name: flat(x.grad) for name, x in leaves.items()}}


def mlm():
    text, word = leaf((B, L, D), 0.5, 1.0), leaf((V, D), 9)
    h = head(0, {"bias": leaf((V,), 4)})
    rows, labels = torch.tensor([1, 5, 9, 16]), torch.tensor([7, 22, 5, 11])
    logits = transform(text.reshape(-1, D)[rows], h) @ word.T + h["bias"]
    return result(F.cross_entropy(logits, labels), {"text": text, "word": word, **h})


def mfm(normalize, temperature):
    frames, features = leaf((B, FR, D), 1.5, 1.0), wave((9, DV), 2.5, 1.0)
    h = head(0, {"output.weight": leaf((D, DV), 4), "output.bias": leaf((DV,), 5)})
    rows, labels = torch.tensor([0, 6, 14]), torch.tensor([0, 4, 8])
    out = transform(frames.reshape(-1, D)[rows], h) @ h["output.weight"] + h["output.bias"]
    if normalize:
        out, features = F.normalize(out), F.normalize(features)
    return result(F.cross_entropy(out @ features.T / temperature, labels), {"frames": frames, **h})


def tag():
    cls = leaf((B, D), 3.5, 1.0)
    h = {"output.weight": leaf((D, T), 0), "output.bias": leaf((T,), 1)}
    truth = torch.zeros(2, T)
    truth[0, [1, 4]] = 1
    truth[1, 10] = 1
    logits = cls[[0, 2]] @ h["output.weight"] + h["output.bias"]
    return result(F.binary_cross_entropy_with_logits(logits, truth), {"cls": cls, **h})


def clip():
    frames, texts = leaf((B, D), 0.5, 1.0), leaf((B, D), 1.5, 1.0)
    scale = torch.tensor(math.log(1 / 0.07), requires_grad=True)
    logits = F.normalize(frames) @ F.normalize(texts).T * scale.exp()
    own = torch.arange(B)
    loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    return result(loss, {"frames": frames, "texts": texts, "logScale": scale})


def ftm():
    cls = leaf((B, D), 3.5, 1.0)
    h = {"output.weight": leaf((D, 2), 0), "output.bias": leaf((2,), 1)}
    logits = cls @ h["output.weight"] + h["output.bias"]
    return result(F.cross_entropy(logits, torch.tensor([1, 0, 0])), {"cls": cls, **h})


def ftc(learned):
    cls = leaf((2 * B, D), 3.5, 1.0)
    h = {"logScale": leaf((), 0)} if learned else {}
    scale = h["logScale"].exp() if learned else torch.tensor(1.0)
    logits = F.normalize(cls[:B]) @ F.normalize(cls[B:]).T * scale
    own = torch.arange(B)
    loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    return result(loss, {"cls": cls, **h})


def mmm():
    text, word, frames = leaf((B, L, D), 0.5, 1.0), leaf((V, D), 9), leaf((B, FR, D), 1.5, 1.0)
    features = wave((9, DV), 2.5, 1.0)
    t = head(0, {"bias": leaf((V,), 4)})
    f = head(5, {"output.weight": leaf((D, DV), 9), "output.bias": leaf((DV,), 10)})
    rows, labels = torch.tensor([1, 2, 3, 4]), torch.tensor([7, 22, 5, 11])
    logits = transform(text.reshape(-1, D)[rows], t) @ word.T + t["bias"]
    places = torch.tensor([5, 6, 10])
    out = transform(frames.reshape(-1, D)[places], f) @ f["output.weight"] + f["output.bias"]
    loss = F.cross_entropy(logits, labels) + 0.5 * F.cross_entropy(out @ features.T, torch.tensor([3, 4, 6]))
    named = {f"text.{k}": v for k, v in t.items()} | {f"frames.{k}": v for k, v in f.items()}
    return result(loss, {"text": text, "word": word, "frames": frames, **named})


write("pretrain-tasks", "tasks.json", {
    "ftm": ftm(), "ftc": ftc(True), "ftc-fixed": ftc(False), "mmm": mmm(),
    "mlm": mlm(), "mfm": mfm(False, 1.0), "mfm-normalized": mfm(True, 0.07), "tag": tag(), "clip": clip(),
})
