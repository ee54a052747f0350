"""Metrics by scipy and scikit-learn, finetuning losses by PyTorch."""
import numpy as np
import torch
import torch.nn.functional as F
from common import flat, wave, write
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import f1_score

rng = np.random.default_rng(2022)


def rank_case(left, right):
    return {
        "left": list(map(float, left)), "right": list(map(float, right)), "ranks": rankdata(right).tolist(),
        "spearman": float(spearmanr(left, right).statistic), "mse": float(np.mean((np.array(left) - np.array(right)) ** 2)),
    }


def f1_case(truth, predicted):
    first = lambda labels: [label[:2] for label in labels]
    parts = {
        "level1Micro": f1_score(first(truth), first(predicted), average="micro"),
        "level1Macro": f1_score(first(truth), first(predicted), average="macro"),
        "level2Micro": f1_score(truth, predicted, average="micro"),
        "level2Macro": f1_score(truth, predicted, average="macro"),
    }
    return {"truth": truth, "predicted": predicted, "score": {"mean": float(np.mean(list(parts.values()))), **parts}}


def labels(count, classes):
    return [f"{c // 5:02d}{c % 5:02d}" for c in rng.integers(0, classes, count)]


ranks = [
    rank_case(rng.normal(size=53), np.round(rng.random(53) * 20) / 20),
    rank_case(np.round(rng.random(31) * 3), np.round(rng.random(31) * 3)),
    rank_case([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
    rank_case([0.5, 0.5, 0.7], [0, 1, 1]),
]
truth = labels(211, 23)
f1 = [
    f1_case(truth, [t if rng.random() < 0.6 else p for t, p in zip(truth, labels(211, 23))]),
    f1_case(labels(47, 19), labels(47, 29)),
    f1_case(["0001", "0001", "0002"], ["0001", "0001", "0001"]),
    f1_case(["0001"], ["0102"]),
]


def loss_case(loss, **leaves):
    loss.backward()
    return {"loss": loss.item(), "gradients": {name: flat(x.grad) for name, x in leaves.items()}}


def smoothing():
    x = wave((3, 7), 0.5, 2.0).requires_grad_()
    return loss_case(F.cross_entropy(x, torch.tensor([2, 0, 6]), label_smoothing=0.1), logits=x)


def soft():
    x = wave((3, 7), 0.5, 2.0).requires_grad_()
    return loss_case(F.cross_entropy(x, torch.softmax(wave((3, 7), 1.5, 3.0), 1)), logits=x)


def similarity():
    left, right = wave((3, 7), 0.5, 1.0).requires_grad_(), wave((3, 7), 2.5, 1.0).requires_grad_()
    cosine = F.cosine_similarity(left, right)
    return loss_case(F.mse_loss(cosine, torch.tensor([0.2, 0.9, 0.5])), left=left, right=right)


write("finetune", "finetune.json", {
    "ranks": ranks, "f1": f1, "smoothing": smoothing(), "soft": soft(), "similarity": similarity(),
})
