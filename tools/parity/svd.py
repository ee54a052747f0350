"""scikit-learn's TruncatedSVD on weighted, normalised rows: packages/ensemble-svd/test/fixtures/svd.json."""
import json
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.decomposition import TruncatedSVD

OUT = Path(__file__).resolve().parents[2] / "packages/ensemble-svd/test/fixtures/svd.json"
WIDTHS, WEIGHTS, DIMENSION = [7, 11, 5], [0.5, 0.3, 0.2], 6
FIT_ROWS, NEW_ROWS = 53, 17


def noise(seed, count):
    """The minimal standard generator, -0.5 to 0.5; packages/ensemble-svd/test/noise.ts makes the same."""
    values, state = np.empty(count), seed
    for i in range(count):
        state = state * 48271 % 2147483647
        values[i] = state / 2147483647 - 0.5
    return values


def concatenation(rows, seed):
    """Rows of unit length per model, times sqrt(weight), side by side; columns fade so that singular values differ."""
    parts = []
    for model, (width, weight) in enumerate(zip(WIDTHS, WEIGHTS)):
        values = noise(seed + model, rows * width).reshape(rows, width) / (1 + np.arange(width))
        parts.append(values / np.linalg.norm(values, axis=1, keepdims=True) * np.sqrt(weight))
    return np.concatenate(parts, axis=1)


def numbers(values):
    return [round(value, 12) for value in np.asarray(values).ravel().tolist()]


def main():
    x, new = concatenation(FIT_ROWS, 11), concatenation(NEW_ROWS, 101)
    svd = TruncatedSVD(DIMENSION, algorithm="arpack", tol=0).fit(x)  # the default algorithm is randomized: inexact
    fitted, transformed = svd.transform(x), svd.transform(new)
    ties = np.floor(noise(7, 41) * 8)
    result = {
        "singularValues": numbers(svd.singular_values_),
        "share": float((svd.singular_values_**2).sum() / (x**2).sum()),
        "fitted": numbers(fitted @ fitted.T),
        "transformed": numbers(transformed @ transformed.T),
        "spearman": float(spearmanr(ties, noise(8, 41)).statistic),
        "spearmanOfTies": float(spearmanr(ties, np.floor(noise(9, 41) * 6)).statistic),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
