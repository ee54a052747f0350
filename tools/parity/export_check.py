"""Loads what checkpoints, clip-model, uni-model and lxmert-model save with transformers, and compares hidden states.

Run after `npx tsc -b`: python export_check.py
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer, BertForMaskedLM, BertModel, CLIPVisionModel, CLIPVisionModelWithProjection

TOLERANCE = 1e-5


def load(model, folder, allowed=()):
    loaded, info = model.from_pretrained(folder, output_loading_info=True)
    missing = [key for key in info["missing_keys"] if not key.startswith(allowed)] if allowed else info["missing_keys"]
    if missing or info["unexpected_keys"] or info["mismatched_keys"]:
        sys.exit(f"{folder.name}: {info}")
    return loaded.eval()


def compare(name, actual, expected):
    expected = torch.tensor(expected).reshape(actual.shape)
    difference = (actual - expected).abs().max().item()
    print(f"{name}: largest difference {difference:.1e}")
    if not difference < TOLERANCE:
        sys.exit(f"{name}: expected less than {TOLERANCE}")


def main(root):
    subprocess.run(["node", Path(__file__).with_name("export.mjs"), root], check=True, cwd=Path(__file__).parent)
    read = lambda name: json.loads((root / f"{name}.json").read_text())
    with torch.no_grad():
        bert = read("bert")
        tokens, segments = torch.tensor(bert["tokens"]).reshape(2, 5), torch.tensor(bert["segments"]).reshape(2, 5)
        mask = (tokens != 0).long()
        inputs = dict(input_ids=tokens, token_type_ids=segments, attention_mask=mask)
        hidden = torch.tensor(bert["hidden"]).reshape(2, 5, -1) * mask[..., None]
        encoder = load(BertModel, root / "bert", allowed=("pooler.",))
        compare("BertModel", encoder(**inputs).last_hidden_state * mask[..., None], hidden.flatten().tolist())
        masked = load(BertForMaskedLM, root / "bert-mlm")
        logits = torch.tensor(bert["logits"]).reshape(2, 5, -1) * mask[..., None]
        compare("BertForMaskedLM", masked(**inputs).logits * mask[..., None], logits.flatten().tolist())
        for name, model, output in [
            ("clip", CLIPVisionModel, "pooler_output"), ("clip-projection", CLIPVisionModelWithProjection, "image_embeds"),
        ]:
            data = read(name)
            pixels = torch.tensor(data["pixels"]).reshape(3, 3, 6, 6)
            compare(model.__name__, getattr(load(model, root / name)(pixels), output), data["output"])
        for name in ("uni-model", "lxmert-model"):
            data = read(name)
            states = AutoModel.from_pretrained(root / name).eval()(**inputs).last_hidden_state * mask[..., None]
            hidden = torch.tensor(data["hidden"]).reshape(2, 5, -1) * mask[..., None]
            compare(name, states, hidden.flatten().tolist())
            ids = AutoTokenizer.from_pretrained(root / name)("音乐视频", add_special_tokens=False)["input_ids"]
            if ids != data["ids"]:
                sys.exit(f"{name}: expected ids {data['ids']}, got {ids}")


with tempfile.TemporaryDirectory() as folder:
    main(Path(folder))
