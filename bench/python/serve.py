"""A contender's side of the line to the bench: JSON commands in, JSON answers out (see ../src/peer.ts)."""
import json
import resource
import sys
import time


def say(**message):
    print(json.dumps(message), flush=True)


def peak_rss():
    """Bytes. Linux's ru_maxrss also counts what the parent held when it started this process; VmHWM does not."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def serve(about, step, parameters=None):
    """Answers until the line is closed; step(index) gives the loss or None."""
    say(about=about, **({} if parameters is None else {"parameters": parameters}))
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "matmul":
            say(gflops=matmul(*command["shape"]))
            continue
        start = time.perf_counter()
        loss = step(command["index"])
        seconds = time.perf_counter() - start
        say(seconds=seconds, peakRss=peak_rss(), **({} if loss is None else {"loss": loss}))


def matmul(m, k, n, products=None):
    import torch

    stack = [] if products is None else [products]
    a, b = torch.rand(*stack, m, k), torch.rand(*stack, k, n)
    a @ b
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < 0.4:
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * m * k * n * (products or 1) / best / 1e9
