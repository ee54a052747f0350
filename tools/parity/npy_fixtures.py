"""Feature-store fixtures: a zip of .npy as Python writes it, and float16 rounding cases (numpy 2.4.6)."""
import io
import json
import zipfile
from pathlib import Path

import numpy as np

PACKAGES = Path(__file__).resolve().parents[2] / 'packages'
out = PACKAGES / 'data/test/fixtures'
rng = np.random.default_rng(7)

with zipfile.ZipFile(out / 'features.zip', 'w', zipfile.ZIP_STORED) as archive:
    for vid, frames in (('10000000000000000003', 3), ('10000000000000000011', 2), ('10000000000000000029', 0)):
        data = io.BytesIO()
        values = (np.arange(frames * 5).reshape(frames, 5) / 3 - 1).astype(np.float16)
        np.save(data, values)
        archive.writestr(f'{vid}.npy', data.getvalue())

edges = [0.0, -0.0, 1.0, 1 / 3, 65504.0, 65519.996, 65520.0, 1e30, 2**-24, 2**-25, 2**-25 * 1.0000001, 3 * 2**-25,
         2**-14, 2**-14 - 2**-25, 2**-14 - 2**-26, 2049.0, 2051.0, 2049.0001, -2051.0, 1e-40, float('inf')]
random = np.concatenate([rng.normal(0, 1, 200), rng.normal(0, 1e-5, 100), rng.normal(0, 3e4, 100)])
values = np.concatenate([np.array(edges), random]).astype(np.float32)
with np.errstate(over='ignore'):
    halves = values.astype(np.float16)
json.dump({'float32': values.view(np.uint32).tolist(), 'float16': halves.view(np.uint16).tolist()},
          open(PACKAGES / 'nn/test/fixtures/float16.json', 'w'))
