"""Metrics by scipy and scikit-learn, finetuning losses by PyTorch."""
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from common import flat, wave, write
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

warnings.filterwarnings("ignore")  # constant input, absent classes: the cases are here because of them
rng = np.random.default_rng(2022)


def rank_case(left, right):
    rho = float(spearmanr(left, right).statistic) if len(left) > 1 else float("nan")
    return {
        "left": list(map(float, left)), "right": list(map(float, right)), "ranks": rankdata(right).tolist(),
        "spearman": None if np.isnan(rho) else rho, "mse": float(np.mean((np.array(left) - np.array(right)) ** 2)),
    }


def f1_case(truth, predicted):
    first = lambda labels: [label[:2] for label in labels]
    parts = {
        "level1Micro": f1_score(first(truth), first(predicted), average="micro"),
        "level1Macro": f1_score(first(truth), first(predicted), average="macro"),
        "level2Micro": f1_score(truth, predicted, average="micro"),
        "level2Macro": f1_score(truth, predicted, average="macro"),
    }
    names = sorted({*truth, *predicted})
    columns = precision_recall_fscore_support(truth, predicted, labels=names)
    classes = [dict(zip(["label", "precision", "recall", "f1", "support"], row)) for row in zip(names, *map(np.ndarray.tolist, columns))]
    first_names = sorted({*first(truth), *first(predicted)})
    counts = confusion_matrix(first(truth), first(predicted), labels=first_names).tolist()
    return {
        "truth": truth, "predicted": predicted, "score": {"mean": float(np.mean(list(parts.values()))), **parts},
        "classes": classes, "confusionByLevel1": {"labels": first_names, "counts": counts},
    }


def labels(count, classes):
    return [f"{c // 5:02d}{c % 5:02d}" for c in rng.integers(0, classes, count)]


ranks = [
    rank_case(rng.normal(size=53), np.round(rng.random(53) * 20) / 20),
    rank_case(np.round(rng.random(31) * 3), np.round(rng.random(31) * 3)),
    rank_case([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
    rank_case([0.5, 0.5, 0.7], [0, 1, 1]),
    rank_case([0.1, 0.1, 0.1], [0.3, 0.1, 0.2]),  # constant predictions
    rank_case([0.3, 0.1, 0.2], [0.7, 0.7, 0.7]),  # constant truth
    rank_case([0.3], [0.7]),
    rank_case([1e-150, 2e-150, 1e150, -1e150, 0.0], [-0.0, 0.0, 5.0, -5.0, 1.0]),
    rank_case(np.nextafter(0.5, np.arange(7) % 3), np.repeat([0.25, 0.75], [6, 1])),  # neighbours in float64; one outlier
    rank_case(np.round(rng.random(401), 1), np.round(rng.random(401))),
]
truth = labels(211, 23)
tail = [f"{c // 5:02d}{c % 5:02d}" for c, count in enumerate([40, 9, 5, 2, 1, 1, 1]) for _ in range(count)]
f1 = [
    f1_case(truth, [t if rng.random() < 0.6 else p for t, p in zip(truth, labels(211, 23))]),
    f1_case(labels(47, 19), labels(47, 29)),
    f1_case(["0001", "0001", "0002"], ["0001", "0001", "0001"]),
    f1_case(["0001"], ["0102"]),
    f1_case(tail, ["0000"] * len(tail)),  # always the most frequent class
    f1_case(tail, ["9999"] * len(tail)),  # always a class that never occurs
    f1_case(tail, tail),
    f1_case(["0001", "0002"] * 3, ["0002", "0001"] * 3),  # right on level 1, wrong on level 2
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


def mixed():
    """A class with smoothing, a teacher's opinion, and weights."""
    x = wave((3, 7), 0.5, 2.0).requires_grad_()
    smooth = torch.full((3, 7), 0.1 / 7)
    smooth[0, 2] += 0.9
    smooth[2, 6] += 0.9
    smooth[1] = torch.softmax(wave((7,), 1.5, 3.0), 0)
    weights = torch.tensor([1.0, 0.25, 2.0])
    loss = F.cross_entropy(x, smooth, reduction="none")
    return loss_case((loss * weights).sum() / weights.sum(), logits=x)


def r_drop():
    """As https://github.com/dropreg/R-Drop: cross entropies averaged, both divergences averaged."""
    left, right = wave((3, 7), 0.5, 2.0).requires_grad_(), wave((3, 7), 0.9, 2.5).requires_grad_()
    labels, p, q = torch.tensor([2, 0, 6]), F.log_softmax(left, 1), F.log_softmax(right, 1)
    truth = 0.5 * (F.cross_entropy(left, labels) + F.cross_entropy(right, labels))
    apart = F.kl_div(p, q.exp(), reduction="batchmean") + F.kl_div(q, p.exp(), reduction="batchmean")
    return loss_case(truth + 4 * apart / 2, left=left, right=right)


def pooled():
    """Outputs of a head, and their gradients, for every pooling; masks are those of tools/encoder-parity.ts."""
    text_mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 2 + [0] * 5])
    frame_mask = torch.tensor([[1, 1, 1, 0, 0], [1] * 5, [0] * 5])
    mask = torch.cat([text_mask, frame_mask], 1)[:, :, None].float()
    mean = lambda x, m: (x * m).sum(1) / m.sum(1).clamp(min=1)

    def attention(states, text, frames, cls):
        scores = states @ wave((7, 1), 7, 1.0) + wave((1,), 8, 1.0)
        return (torch.softmax(scores.masked_fill(mask == 0, float("-inf")), 1) * states).sum(1)

    poolings = {
        "mean": lambda states, text, frames, cls: mean(states, mask),
        "both": lambda states, text, frames, cls: torch.cat([mean(text, mask[:, :7]), mean(frames, mask[:, 7:])], 1),
        "cls": lambda states, text, frames, cls: cls,
        "attention": attention,
    }
    cases = {}
    for name, pooling in poolings.items():
        text, frames, cls = [wave(shape, phase, 1.0).requires_grad_() for shape, phase in [((3, 7, 7), 1), ((3, 5, 7), 2), ((3, 7), 3)]]
        x = pooling(torch.cat([text, frames], 1), text, frames, cls)
        output = x @ wave((x.shape[1], 5), 5, 1.0) + wave((5,), 6, 1.0)
        (output * wave((3, 5), 4, 1.0)).sum().backward()
        leaves = {"text": text, "frames": frames, "cls": cls}
        cases[name] = {"output": flat(output), **{key: flat(x.grad) for key, x in leaves.items() if x.grad is not None}}
    return cases


def similarity():
    left, right = wave((3, 7), 0.5, 1.0).requires_grad_(), wave((3, 7), 2.5, 1.0).requires_grad_()
    cosine = F.cosine_similarity(left, right)
    return loss_case(F.mse_loss(cosine, torch.tensor([0.2, 0.9, 0.5])), left=left, right=right)


write("finetune", "finetune.json", {
    "ranks": ranks, "f1": f1, "smoothing": smoothing(), "soft": soft(), "mixed": mixed(), "rDrop": r_drop(),
    "similarity": similarity(), "pooled": pooled(),
})
