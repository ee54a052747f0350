"""One update of torch.optim.AdamW: adamw.py fused|foreach|default <shapes and threads as JSON>."""
import json
import sys

import torch

from layers import about
from serve import serve

kind, text = sys.argv[1:]
settings = json.loads(text)
note = about(settings["threads"], f"torch.optim.AdamW, {kind}")
params = [torch.nn.Parameter(torch.rand(shape) - 0.5) for shape in settings["shapes"]]
for p in params:
    p.grad = torch.rand_like(p) - 0.5
options = {} if kind == "default" else {kind: True}
optimizer = torch.optim.AdamW(params, lr=5e-5, weight_decay=0.01, **options)
serve(note, lambda _: optimizer.step(), sum(p.numel() for p in params))
