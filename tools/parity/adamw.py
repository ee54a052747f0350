"""Twenty updates of torch.optim.AdamW with groups, clipping and a schedule; the factors of transformers' schedules."""
import torch
from common import flat, wave, write
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

STEPS, WARMUP = 20, 3
SHAPES = {"body.weight": (3, 5), "body.bias": (5,), "head.weight": (5, 2)}


def schedules():
    def factors(make):
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        scheduler = make(optimizer)
        values = []
        for _ in range(STEPS + 1):
            values.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
        return values

    return {
        "warmupCosine": factors(lambda o: get_cosine_schedule_with_warmup(o, WARMUP, STEPS)),
        "warmupLinear": factors(lambda o: get_linear_schedule_with_warmup(o, WARMUP, STEPS)),
        "constant": factors(lambda o: get_constant_schedule_with_warmup(o, WARMUP)),
    }


def adamw():
    params = {name: torch.nn.Parameter(wave(shape, k)) for k, (name, shape) in enumerate(SHAPES.items())}
    optimizer = torch.optim.AdamW([
        {"params": [params["body.weight"]], "lr": 1e-2, "weight_decay": 0.1},
        {"params": [params["body.bias"]], "lr": 1e-2, "weight_decay": 0.0},
        {"params": [params["head.weight"]], "lr": 5e-2, "weight_decay": 0.01},
    ])
    scheduler = get_cosine_schedule_with_warmup(optimizer, WARMUP, STEPS)
    steps = []
    for step in range(STEPS):
        for k, (name, shape) in enumerate(SHAPES.items()):
            # The head gets no gradient in two steps: PyTorch then neither decays it nor counts the step.
            skipped = name == "head.weight" and step in (4, 5)
            params[name].grad = None if skipped else wave(shape, step * 1.3 + k, 0.05 + 0.1 * step)
        norm = torch.nn.utils.clip_grad_norm_(params.values(), 1.0)
        optimizer.step()
        scheduler.step()
        steps.append({"norm": norm.item(), "params": {name: flat(p) for name, p in params.items()}})
    return steps


write("train", "adamw.json", {"schedules": schedules(), "steps": adamw()})
