"""Pictures, and what Pillow and transformers' CLIPImageProcessor make of them, bytes for bytes; run clip_vision.py first."""
import base64
import io

import numpy as np
import torch
from common import ROOT, flat, write
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from clip_vision import CONFIG

FOLDER = ROOT / "packages/video-features/test/fixtures"
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


def picture(width, height, seed):
    """Stripes, a ramp and noise with hard edges, so that the bicubic kernel overshoots."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * ((x // 7 + y // 5) % 2)
    green = 255 * x / width
    blue = random.integers(0, 256, (height, width))
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def save(image, name, **options):
    image.save(FOLDER / name, **options)
    return name


def b64(data):
    return base64.b64encode(data).decode()


def resized(name, width, height, filter):
    image = Image.open(FOLDER / name).convert("RGB").resize((width, height), filter)
    return {"file": name, "width": width, "height": height, "filter": filter.name.lower(), "pixels": b64(image.tobytes())}


def processed(name, size, statistics):
    options = dict(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    image = Image.open(FOLDER / name).convert("RGB")
    bytes_ = CLIPImageProcessorPil(**options, do_rescale=False, do_normalize=False)(image)["pixel_values"][0]
    values = CLIPImageProcessorPil(**options, **statistics)(image)["pixel_values"][0].astype(np.float32)
    return {
        "file": name, "size": size, "statistics": "imagenet" if statistics else "clip",
        "pixels": b64(np.ascontiguousarray(bytes_.transpose(1, 2, 0)).astype(np.uint8).tobytes()),
        "values": b64(values.tobytes()),
    }


def features(name):
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**CONFIG)).eval()
    model.load_state_dict(load_file(ROOT / "packages/clip-model/test/fixtures/clip-vision.safetensors"))
    processor = CLIPImageProcessorPil(size={"shortest_edge": 15}, crop_size={"height": 15, "width": 15})
    pixels = torch.from_numpy(np.stack(processor(Image.open(FOLDER / name).convert("RGB"))["pixel_values"]))
    with torch.no_grad():
        hidden = model(pixel_values=pixels).last_hidden_state
        return {"file": name, "pooled": flat(model.vision_model.post_layernorm(hidden[:, 0]))}


if __name__ == "__main__":
    wide = save(picture(211, 97, 1), "wide.jpg", quality=90)
    tall = save(picture(29, 53, 2), "tall.png")
    small = save(picture(11, 13, 3), "small.png")
    high = save(picture(31, 97, 5), "high.png")
    grey = save(picture(41, 37, 4).convert("L"), "grey.jpg", quality=85)
    bicubic, bilinear = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
    write("video-features", "clip-image.json", {
        "decoded": [{"file": name, "pixels": b64(Image.open(FOLDER / name).convert("RGB").tobytes())} for name in (tall, grey)],
        "resized": [
            resized(wide, 31, 17, bicubic), resized(wide, 31, 17, bilinear), resized(tall, 29, 19, bicubic),
            resized(tall, 67, 53, bilinear), resized(small, 37, 41, bicubic), resized(grey, 7, 43, bicubic),
            # Columns first: more than twice as high as wide, or squeezed.
            resized(high, 12, 37, bicubic), resized(high, 12, 37, bilinear), resized(tall, 27, 17, bicubic), resized(small, 17, 7, bicubic),
        ],
        "processed": [
            processed(wide, 23, {}), processed(tall, 23, IMAGENET), processed(small, 23, {}), processed(grey, 41, {}),
            processed(small, 13, {}), processed(high, 13, {}),
        ],
        "features": [features(wide), features(tall)],
    })
