"""Both towers of transformers' CLIPModel and ChineseCLIPModel, from picture files and strings on; run clip_tokenizer.py first.

Weights are random. Gradients are those of CLIP's loss, by the names of the checkpoint.
"""
import json
import shutil

import numpy as np
import torch
from clip_image import picture
from common import ROOT, flat, write
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    AutoTokenizer, BertTokenizer, ChineseCLIPConfig, ChineseCLIPModel, CLIPConfig, CLIPModel,
)
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

FOLDER = ROOT / "packages/video-features/test/fixtures/clip-models"
TOKENIZER = ROOT / "packages/tokenizer/test/fixtures/clip-tokenizer/published"
TEXTS = {
    "clip": ["a photo of a cat", "雨中的猫!", "Two dogs, it's 2024"],
    "chinese": ["雨中的猫", "一段关于美食的视频", "两只狗 vlog 2024"],
}
PICTURES = {"wide.png": (37, 21), "tall.png": (19, 33), "square.png": (24, 24)}
# As OFA-Sys/chinese-clip-vit-base-patch16 has it: the whole picture, whatever its shape.
STRETCH = {"do_center_crop": False, "size": {"height": 12, "width": 12}}
CROP = {"do_center_crop": True, "size": {"shortest_edge": 12}, "crop_size": {"height": 12, "width": 12}}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
COMMON = {"do_resize": True, "do_normalize": True, "resample": 3, "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}


def randomized(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name == "logit_scale":
                tensor.copy_(torch.tensor(1.5))
                continue
            scale = 0.12 if tensor.ndim > 1 else 0.05
            noise = torch.randn(tensor.shape, generator=generator) * scale
            # Both half precisions hold them exactly, so that one file is the truth of all three.
            value = noise + (1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0)
            tensor.copy_(value.bfloat16().half().float())
    return model.eval()


def vision(**more):
    return dict(hidden_size=14, intermediate_size=22, num_hidden_layers=2, num_attention_heads=2, image_size=12, patch_size=4, **more)


def openai(folder):
    shutil.copytree(TOKENIZER, folder)
    vocab = len(json.loads((folder / "vocab.json").read_text()))
    text = dict(
        vocab_size=vocab, hidden_size=14, intermediate_size=18, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=24, bos_token_id=vocab - 2, eos_token_id=2,
    )
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision(), projection_dim=9)), CLIPImageProcessorPil(**COMMON, **CROP), CROP


def chinese(folder):
    folder.mkdir(parents=True)
    characters = sorted({c for text in TEXTS["chinese"] for c in text.lower() if "\u4e00" <= c <= "\u9fff"})
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, "v", "##log", "2", "##0", "##2", "##4"]
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocab))
    text = dict(
        vocab_size=len(vocab) + 3, hidden_size=14, intermediate_size=18, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=24, hidden_dropout_prob=0.1,
    )
    config = ChineseCLIPConfig(text_config=text, vision_config=vision(), projection_dim=9)
    return ChineseCLIPModel(config), ChineseCLIPImageProcessorPil(**COMMON, **STRETCH), STRETCH


def case(kind, make, seed):
    folder = FOLDER / kind
    model, processor, own = make(folder)
    randomized(model, seed)
    tokenizer = AutoTokenizer.from_pretrained(folder) if kind == "clip" else BertTokenizer(str(folder / "vocab.txt"))
    (folder / "preprocessor_config.json").write_text(json.dumps({**COMMON, **own}) + "\n")
    # One of each half precision: transformers and we start from the same values, in whatever they compute.
    (folder / "config.json").write_text(json.dumps(model.config.to_dict() | {"architectures": [type(model).__name__]}) + "\n")
    dtype = torch.float16 if kind == "clip" else torch.bfloat16
    state = {name: tensor.to(dtype).contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    images = [Image.open(FOLDER / name).convert("RGB") for name in PICTURES]
    pixels = torch.from_numpy(np.stack(processor(images)["pixel_values"]).astype(np.float32))
    texts = tokenizer(TEXTS[kind], padding=True, return_tensors="pt")
    texts.pop("token_type_ids", None)
    return {
        "kind": kind, "texts": TEXTS[kind], "pictures": list(PICTURES), "tokens": texts["input_ids"].tolist(), "mask": texts["attention_mask"].tolist(),
        "pixels": flat(pixels),
        **{name: computed(folder, name, model.to(dtype), texts, pixels.to(dtype)) for name, dtype in PRECISIONS.items()},
    }


def computed(folder, name, model, texts, pixels):
    """Values and gradients, all arithmetic in the model's precision."""
    model.zero_grad()
    out = model(**texts, pixel_values=pixels, return_loss=True)
    out.loss.backward()
    save_file({n: t.grad.contiguous() for n, t in model.named_parameters()}, folder / f"gradients.{name}.safetensors")
    values = {key: flat(getattr(out, key)) for key in ("text_embeds", "image_embeds", "logits_per_text")}
    return {**values, "loss": out.loss.item()}


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for i, (name, size) in enumerate(PICTURES.items()):
        picture(*size, seed=i).save(FOLDER / name)
    cases = [case("clip", openai, 1), case("chinese", chinese, 2)]
    write("video-features", "clip-models.json", cases)
