"""NumPy and scikit-learn on a matrix of the size that bench/ensemble.ts takes; normalised float64 rows."""
import sys
import time

import numpy as np
from sklearn.decomposition import TruncatedSVD

rows, width, dimension = int(sys.argv[1]), 1536, 256
draw = np.random.default_rng(0)
x = draw.standard_normal((rows, 300)) @ draw.standard_normal((300, width)) + draw.standard_normal((rows, width))
x /= np.linalg.norm(x, axis=1, keepdims=True)



def measure(name, run):
    start, used = time.perf_counter(), time.process_time()
    run()
    print(f"{name}: {time.perf_counter() - start:.1f} s, processor {time.process_time() - used:.1f} s")


measure("NumPy, Gram matrix and eigh", lambda: x @ np.linalg.eigh(x.T @ x)[1][:, -dimension:])
measure("scikit-learn TruncatedSVD", lambda: TruncatedSVD(dimension).fit_transform(x))
