"""faiss: a graph over bytes (HNSW, SQ8), or a plain scan: faiss_search.py <work as JSON>, as ../src/contenders/search.ts has it."""
import json
import resource
import sys
import time

import numpy as np

from serve import peak_rss, say

try:
    import faiss
except ImportError as error:
    say(skip=f"{error}: pip install faiss-cpu")
    sys.exit(0)

WIDTH, NEAREST, BLOCK = 256, 10, 65_536
work = json.loads(sys.argv[1])


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


vectors = np.memmap(work["vectors"], np.float32, "r").reshape(-1, WIDTH)
queries = np.fromfile(work["queries"], np.float32).reshape(-1, WIDTH)
say(progress=f"faiss {faiss.__version__}, {faiss.omp_get_max_threads()} threads")
start, before = time.perf_counter(), cpu()
# As LanceDB's here: 20 neighbours, 150 candidates when one is added; cosines, for all are unit vectors.
index = faiss.IndexHNSWSQ(WIDTH, faiss.ScalarQuantizer.QT_8bit, 20, faiss.METRIC_INNER_PRODUCT)
index.hnsw.efConstruction, index.hnsw.efSearch = 150, 128
index.train(vectors[:BLOCK])
for at in range(0, len(vectors), BLOCK):
    index.add(np.ascontiguousarray(vectors[at : at + BLOCK]))
    say(progress=f"{min(at + BLOCK, len(vectors)):,} of {len(vectors):,}")
build, build_cpu = time.perf_counter() - start, cpu() - before
faiss.omp_set_num_threads(1)
for query in queries[:20]:
    index.search(query[None], NEAREST)
times, found, before = [], [], cpu()
for query in queries:
    start = time.perf_counter()
    found.append(index.search(query[None], NEAREST)[1][0].tolist())
    times.append((time.perf_counter() - start) * 1000)
cpu_ms = 1000 * (cpu() - before) / len(queries)
times.sort()
with open("/proc/self/statm") as statm:
    rss = int(statm.read().split()[1]) * resource.getpagesize()
at = lambda share: times[max(0, -(-int(share * 1000) * len(times) // 1000) - 1)]
say(
    result={
        "buildSeconds": build,
        "buildCpuSeconds": build_cpu,
        "p50": at(0.5),
        "p99": at(0.99),
        "cpuMs": cpu_ms,
        "rssAfter": rss,
        "peakRss": peak_rss(),
        "found": found[: work["compared"]],
    }
)
