"""Folds of scikit-learn's StratifiedGroupKFold with shuffle=False: packages/finetune/test/fixtures/folds.json.

Where several folds are as good, rounding decides in scikit-learn. `folds` is its algorithm in decimals of 50 digits, `equal`
whether scikit-learn's own folds are the same, `unevenness` what its own reach.
"""
import json
import random
import warnings
from collections import Counter
from decimal import Decimal, getcontext

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from common import ROOT

getcontext().prec = 50
SAME = Decimal("1e-40")


def of_scikit(labels, groups, k):
    """The fold of every sample."""
    folds = [0] * len(labels)
    splitter = StratifiedGroupKFold(n_splits=k, shuffle=False)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(labels)), labels, groups)):
        for sample in held_out:
            folds[sample] = fold
    return folds


def deviation(values):
    mean = sum(values) / len(values)
    return (sum((value - mean) ** 2 for value in values) / len(values)).sqrt()


def without_rounding(labels, groups, k):
    """The same algorithm: groups by the deviation of their counts, each to the fold that leaves the least deviation of shares."""
    classes, totals = sorted(set(labels)), Counter(labels)
    counts = {name: Counter(l for l, g in zip(labels, groups) if g == name) for name in sorted(set(groups))}
    spread = {name: sum(of[c] ** 2 for c in classes) * len(classes) - sum(of.values()) ** 2 for name, of in counts.items()}
    table = [[0] * len(classes) for _ in range(k)]
    fold_of = {}
    for name in sorted(counts, key=lambda name: -spread[name]):
        best = None
        for fold in range(k):
            shares = [
                [Decimal(table[i][j] + (counts[name][c] if i == fold else 0)) / totals[c] for i in range(k)]
                for j, c in enumerate(classes)
            ]
            value, size = sum(deviation(share) for share in shares) / len(classes), sum(table[fold])
            close = best and abs(value - best[0]) <= Decimal("1e-8") + Decimal("1e-5") * best[0]
            if best is None or value < best[0] - SAME or (close and size < best[1]):
                best = (value, size, fold)
        fold_of[name] = best[2]
        for j, c in enumerate(classes):
            table[best[2]][j] += counts[name][c]
    return [fold_of[name] for name in groups]


def unevenness(labels, folds, k):
    """What the algorithm makes small: the standard deviation over folds of every class's shares, on average."""
    classes, totals = sorted(set(labels)), Counter(labels)
    shares = [[sum(l == c and f == i for l, f in zip(labels, folds)) / totals[c] for i in range(k)] for c in classes]
    return float(np.mean(np.std(shares, axis=1)))


def case(labels, groups, k):
    scikit, folds = of_scikit(labels, groups, k), without_rounding(labels, groups, k)
    return {"labels": labels, "groups": groups, "k": k, "folds": folds, "equal": scikit == folds, "unevenness": unevenness(labels, scikit, k)}


def drawn(seed):
    """Classes of uneven sizes; most groups of one class, as copies of a video are, some of several."""
    draw = random.Random(seed)
    classes = draw.randint(2, 12)
    samples = draw.randint(20, 120)
    names = [f"{draw.randint(0, samples // draw.randint(1, 4)):03d}" for _ in range(samples)]
    own = {name: draw.randrange(classes) for name in names}
    labels = [own[name] if draw.random() < 0.8 else min(draw.randrange(classes), draw.randrange(classes)) for name in names]
    return case([f"c{label}" for label in labels], names, draw.randint(2, 6))


warnings.simplefilter("ignore")
cases = [case(["a", "a", "b", "b", "b", "a"], ["1", "1", "2", "3", "3", "4"], 2), *map(drawn, range(60))]
print(sum(one["equal"] for one in cases), "of", len(cases), "in which rounding decides nothing")
(ROOT / "packages/finetune/test/fixtures/folds.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
