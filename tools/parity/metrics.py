"""Ranks by scipy, F1 and confusions by scikit-learn: packages/metrics/test/fixtures/metrics.json."""
import warnings

import numpy as np
from common import write
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

write("metrics", "metrics.json", {"ranks": ranks, "f1": f1})
