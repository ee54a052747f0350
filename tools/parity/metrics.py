"""
Ranks and bootstrap intervals by scipy, F1, confusions, calibration and TF-IDF by scikit-learn:
packages/metrics/test/fixtures/{metrics,evaluation,multilabel}.json.
"""
import warnings

import numpy as np
from common import write
from scipy.stats import bootstrap, rankdata, spearmanr
from sklearn.calibration import calibration_curve
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import (
    average_precision_score, brier_score_loss, confusion_matrix, f1_score, log_loss, precision_recall_curve, precision_recall_fscore_support,
    top_k_accuracy_score,
)

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


def bootstrap_case(statistic, data, paired):
    """scipy's percentile interval of many resamples, and of given ones."""
    result = bootstrap(data, statistic, paired=paired, vectorized=False, n_resamples=20000, method="percentile", rng=np.random.default_rng(7))
    few = result.bootstrap_distribution[:200]
    given = type(result)(result.confidence_interval, few, 0.0)
    interval = lambda level: list(map(float, bootstrap(
        data, statistic, paired=paired, vectorized=False, n_resamples=0, bootstrap_result=given, confidence_level=level, method="percentile",
    ).confidence_interval))
    return {
        "interval": list(map(float, result.confidence_interval)), "distribution": few.tolist(),
        "intervals": {"0.95": interval(0.95), "0.5": interval(0.5)},
    }


def counted(case_rng, size):
    return case_rng.multinomial(size, np.full(size, 1 / size))


def evaluation():
    rng = np.random.default_rng(2021)
    scores = np.round(rng.random(97) * 20) / 20
    cosines = np.round(0.6 * scores + 0.4 * rng.random(97), 2)  # ties on both sides
    rank_counts = [counted(rng, 97) for _ in range(4)]
    truth = labels_of(rng, 151, 13)
    predicted = [t if rng.random() < 0.6 else p for t, p in zip(truth, labels_of(rng, 151, 13))]
    label_counts = [counted(rng, 151) for _ in range(3)]
    names = sorted(set(truth))
    right = np.array([names.index(label) for label in truth])
    logits = rng.normal(size=(151, len(names)))
    logits[np.arange(151), right] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    best = probabilities.argmax(1)
    confidence = probabilities.max(1)
    edges = np.array([0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0])  # on the edges of bins
    confidence = np.concatenate([confidence, edges])
    hits = np.concatenate([(best == right).astype(int), np.arange(8) % 2])
    true_share, mean_confidence = calibration_curve(hits, confidence, n_bins=10, strategy="uniform")
    bins = np.clip(np.searchsorted(np.linspace(0, 1, 11)[1:-1], confidence), 0, 9)
    used = np.bincount(bins, minlength=10)
    gaps = np.abs(true_share - mean_confidence)
    indices = np.arange(151)
    macro = lambda rows: f1_score(np.array(truth)[rows.astype(int)], np.array(predicted)[rows.astype(int)], average="macro")
    corpus = ["一只黑猫在睡觉", "黑猫和  白狗", "Cat  sleeps", "", "狗在跑 RUN", "一只白猫"]
    asked = [*corpus, "黑猫黑猫", "鸟", "cat runs"]
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(corpus)
    rows = vectorizer.transform(asked)
    return {
        "spearman": {
            "left": cosines.tolist(), "right": scores.tolist(), "counts": [c.tolist() for c in rank_counts],
            "values": [float(spearmanr(np.repeat(cosines, c), np.repeat(scores, c)).statistic) for c in rank_counts],
            "bootstrap": bootstrap_case(lambda a, b: spearmanr(a, b).statistic, (cosines, scores), True),
        },
        "categories": {
            "truth": truth, "predicted": predicted, "counts": [c.tolist() for c in label_counts],
            "scores": [f1_case(np.repeat(truth, c).tolist(), np.repeat(predicted, c).tolist())["score"] for c in label_counts],
            "macroBootstrap": bootstrap_case(macro, (indices,), False)["interval"],
        },
        "calibration": {
            "confidence": confidence.tolist(), "right": hits.tolist(), "counts": used.tolist(),
            "meanConfidence": mean_confidence.tolist(), "accuracy": true_share.tolist(),
            "ece": float((gaps * used[used > 0]).sum() / used.sum()), "mce": float(gaps.max()),
        },
        "probabilities": {
            "values": probabilities.ravel().tolist(), "truth": right.tolist(),
            "logLoss": float(log_loss(right, probabilities, labels=range(len(names)))),
            "brier": float(brier_score_loss(right, probabilities, labels=range(len(names)))),
            "top": {str(k): float(top_k_accuracy_score(right, probabilities, k=k, labels=range(len(names)))) for k in (1, 2, 5)},
        },
        "tfidf": {
            "corpus": corpus, "asked": asked, "cosines": (rows @ rows.T).toarray().tolist(),
            "vector": {name: float(rows[1, i]) for name, i in vectorizer.vocabulary_.items() if rows[1, i] > 0},
        },
    }


def labels_of(rng, count, classes):
    return [f"{c // 5:02d}{c % 5:02d}" for c in rng.integers(0, classes, count)]


write("metrics", "evaluation.json", evaluation())


def multilabel_case(rng, rows, columns, share):
    truth = (rng.random((rows, columns)) < share).astype(int)
    scores = np.round(0.3 * truth + rng.random((rows, columns)), 1)  # ties
    decided = (scores > 0.7).astype(int)
    some, own = truth.any(0), truth.any(1)
    best = []
    for k in range(columns):
        precision, recall, _ = precision_recall_curve(truth[:, k], scores[:, k])
        best.append(float((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()) if some[k] else 0.0)
    return {
        "rows": rows, "columns": columns, "truth": truth.ravel().tolist(), "scores": scores.ravel().tolist(),
        "decided": decided.ravel().tolist(),
        "micro": float(f1_score(truth, decided, average="micro", zero_division=0)),
        "macro": float(f1_score(truth, decided, average="macro", zero_division=0)),
        "perLabel": f1_score(truth, decided, average=None, zero_division=0).tolist(),
        "overLabels": float(average_precision_score(truth[:, some], scores[:, some], average="macro")),
        "overRows": float(average_precision_score(truth[own], scores[own], average="samples")),
        "bestF1": best,
    }


multilabel_rng = np.random.default_rng(11)
write("metrics", "multilabel.json", [
    multilabel_case(multilabel_rng, 37, 5, 0.3), multilabel_case(multilabel_rng, 11, 7, 0.08), multilabel_case(multilabel_rng, 3, 2, 0.6),
])
