"""The SVD ensemble by scikit-learn or NumPy: ensemble.py sklearn|numpy <settings as JSON>."""
import json
import sys

import numpy as np
import sklearn
from sklearn.decomposition import TruncatedSVD

from serve import serve

kind, text = sys.argv[1:]
settings = json.loads(text)
shape = settings["rows"], settings["models"], settings["width"]
values = np.fromfile(settings["path"], np.float32).reshape(shape)


def rows():
    """Every model's rows to length 1, times sqrt(1 / M), side by side."""
    x = values.astype(np.float64)
    x /= np.linalg.norm(x, axis=2, keepdims=True) * np.sqrt(settings["models"])
    return x.reshape(shape[0], -1)


def by_sklearn(_):
    x = rows()
    svd = TruncatedSVD(settings["dimension"], random_state=0)
    svd.fit_transform(x)
    return float((svd.singular_values_**2).sum() / (x**2).sum())


def by_numpy(_):
    x = rows()
    eigenvalues, vectors = np.linalg.eigh(x.T @ x)
    x @ vectors[:, -settings["dimension"] :]
    return float(eigenvalues[-settings["dimension"] :].sum() / eigenvalues.sum())


if kind == "sklearn":
    serve(f"scikit-learn {sklearn.__version__}, TruncatedSVD as it is by default (randomized, inexact)", by_sklearn)
else:
    serve(f"NumPy {np.__version__}, Gram matrix and eigh, by hand", by_numpy)
