"""sentence-transformers: a BERT of the recipe's size, embedded and averaged: sentence_embed.py <folder with recipe.json and batches>.

It reads words alone: each video has as many tokens as its text and frames have positions, so that what is computed is the same.
Rows are sorted and padded as in a batch of ours; it tokenises nothing, for nobody does here.
"""
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer, models
from transformers import BertConfig, BertModel

from layers import about
from serve import serve

folder = Path(sys.argv[1])
r = SimpleNamespace(**json.loads((folder / "recipe.json").read_text()))
note = about(r.threads, f"sentence-transformers {sentence_transformers.__version__}, fp32, words alone, mean of all positions")
torch.manual_seed(1)


def make():
    config = BertConfig(
        vocab_size=r.vocabulary,
        hidden_size=r.width,
        num_hidden_layers=r.layers,
        num_attention_heads=r.heads,
        intermediate_size=r.intermediate,
        max_position_embeddings=max(512, r.tokens + r.frames),
    )
    with tempfile.TemporaryDirectory() as place:
        BertModel(config, add_pooling_layer=False).save_pretrained(place)
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(r.vocabulary - 5))]
        (Path(place) / "vocab.txt").write_text("\n".join(words))
        (Path(place) / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
        transformer = models.Transformer(place)
    return SentenceTransformer(modules=[transformer, models.Pooling(r.width, "mean")], device="cpu").eval()


def read(i):
    rows = json.loads((folder / f"{i}.json").read_text())["tokens"]
    length = max(map(len, rows)) + r.frames
    full = [[*row, *([7] * r.frames)] for row in rows]
    return {
        "input_ids": torch.tensor([row + [0] * (length - len(row)) for row in full]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in full]),
    }


model = make()
batches = [read(i) for i in range(r.batches)]


@torch.inference_mode()
def step(index):
    model(dict(batches[index]))["sentence_embedding"]


serve(note, step)
