"""Frame features in PyTorch and transformers, Pillow decoding and resizing in DataLoader's processes: features.py <settings>."""
import io
import json
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from transformers import CLIPVisionModelWithProjection

from layers import about, count
from serve import serve

with open(sys.argv[1]) as file:
    r = SimpleNamespace(**json.load(file))
SIDE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


class Pictures(Dataset):
    """All pictures of some zips; what CLIPImageProcessor does, without its checks."""

    def __init__(self, paths):
        self.places = [(path, name) for path in paths for name in sorted(zipfile.ZipFile(path).namelist())]

    def __len__(self):
        return len(self.places)

    def __getitem__(self, i):
        path, name = self.places[i]
        with zipfile.ZipFile(path) as archive:
            picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
        scale = SIDE / min(picture.size)
        width, height = (int(side * scale) if side != min(picture.size) else SIDE for side in picture.size)
        left, top = (width - SIDE) // 2, (height - SIDE) // 2
        picture = picture.resize((width, height), Image.BICUBIC).crop((left, top, left + SIDE, top + SIDE))
        pixels = (np.asarray(picture, np.float32) / 255 - MEAN) / DEVIATION
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


note = about(r.threads, f"fp32, scaled-dot-product attention; {max(1, r.threads // 2)} DataLoader process(es) with Pillow")
tower = CLIPVisionModelWithProjection.from_pretrained(f"{r.folder}/tower", attn_implementation="sdpa").eval()


@torch.inference_mode()
def step(index):
    loader = DataLoader(Pictures(r.steps[index]), batch_size=r.batch, num_workers=max(1, r.threads // 2))
    features = torch.cat([tower.vision_model(pixels).pooler_output for pixels in loader])
    return features.abs().mean().item()


serve(note, step, count(tower))
