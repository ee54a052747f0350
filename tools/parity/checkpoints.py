"""Tiny checkpoints in every format that is found in the wild, with the hidden states transformers computes from them.

bert-safetensors  as save_pretrained writes it today: BertForPreTraining, prefix "bert.", heads, pooler
bert-sharded      the same in safetensors shards
bert-zip          pytorch_model.bin of PyTorch >= 1.6: the encoder alone, no prefix, with position_ids
bert-legacy       pytorch_model.bin of 2019: old container, prefix "bert.", names gamma/beta, tied decoder, all heads
bert-bin-sharded  pytorch_model-0000k-of-00002.bin with an index
All five hold the same values.
"""
import json
import shutil
from collections import OrderedDict

import numpy as np
import torch
from common import ROOT, flat, write
from transformers import BertConfig, BertForPreTraining, CLIPVisionConfig, CLIPVisionModel

FIXTURES = ROOT / "packages" / "checkpoints" / "test" / "fixtures"
SIZES = dict(
    vocab_size=23, hidden_size=14, num_hidden_layers=2, num_attention_heads=2, intermediate_size=22,
    max_position_embeddings=11, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12,
)
TOKENS = torch.tensor([[2, 5, 7, 11, 13, 17, 3], [2, 22, 19, 3, 0, 0, 0], [2, 3, 0, 0, 0, 0, 0]])
SEGMENTS = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]])
MASK = (TOKENS != 0).long()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"视频标题美食音乐游戏运动旅行学习科技", "##a"]


def randomize(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = name.endswith("weight") and ("norm" in name.lower())
            parameter.normal_(1.0 if scale else 0.0, 0.3)
    return model.eval()


def empty(name):
    folder = FIXTURES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY[:23]), encoding="utf8")
    # The style of the published Chinese models: fields of other frameworks beside ours.
    config = {"architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1, "directionality": "bidi",
              "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "model_type": "bert", "pad_token_id": 0,
              "pooler_fc_size": 768, "pooler_type": "first_token_transform", **SIZES}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder


def old_name(name):
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def bert_checkpoints():
    torch.manual_seed(7)
    model = randomize(BertForPreTraining(BertConfig(**SIZES)))
    state = model.state_dict()

    for name, options in [("bert-safetensors", {}), ("bert-sharded", {"max_shard_size": "9KB"})]:
        model.save_pretrained(empty(name), **options)

    encoder = OrderedDict(model.bert.state_dict())
    encoder["embeddings.position_ids"] = torch.arange(11).expand((1, -1))
    torch.save(encoder, empty("bert-zip") / "pytorch_model.bin")

    legacy = OrderedDict((old_name(name), tensor) for name, tensor in state.items())
    torch.save(legacy, empty("bert-legacy") / "pytorch_model.bin", _use_new_zipfile_serialization=False)

    folder = empty("bert-bin-sharded")
    names = [name for name in state if name.startswith("bert.")]
    shards = {f"pytorch_model-0000{k + 1}-of-00002.bin": names[k * 20: (k + 1) * 20 if k == 0 else None] for k in range(2)}
    for shard, part in shards.items():
        torch.save({name: torch.nn.Parameter(state[name]) for name in part}, folder / shard)
    index = {"metadata": {}, "weight_map": {name: shard for shard, part in shards.items() for name in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")

    hidden = model.bert(input_ids=TOKENS, token_type_ids=SEGMENTS, attention_mask=MASK).last_hidden_state
    logits = model.cls.predictions(hidden)
    write("checkpoints", "bert-checkpoints.json", {
        "hidden": flat(hidden * MASK[..., None]), "logits": flat(logits * MASK[..., None]),
        "word": state["bert.embeddings.word_embeddings.weight"].numpy().view(np.uint32).flatten().tolist(),
    })


def tensors():
    """Types and memory layouts: transposed, sliced, shared, zero-dimensional, empty."""
    special = torch.tensor([[0.0, -0.0, 1.0], [65504.0, 6.1e-5, 5.9e-8], [float("inf"), -2.5, -1 / 3]])
    whole = torch.tensor([0, 1, -7, 113, -128, 127])
    base = torch.arange(60, dtype=torch.float32) / 7
    return OrderedDict({
        "f64": special.double(), "f32": special, "f16": special.half(), "bf16": special.bfloat16(),
        "i64": whole, "i32": whole.int(), "i16": whole.short(), "i8": whole.char(), "u8": whole.abs().byte(),
        "bool": whole > 0, "scalar": torch.tensor(2.75), "empty": torch.zeros(0, 5), "名": torch.arange(3).float(),
        "base": base, "tail": base[53:], "grid": base.view(3, 4, 5).permute(2, 0, 1), "column": base.view(12, 5)[:, 3],
        "half.T": special.half().T, "step": base[1:58:19],
    })


def type_files():
    values = tensors()
    torch.save(values, FIXTURES / "types-zip.bin")
    torch.save(values, FIXTURES / "types-legacy.bin", _use_new_zipfile_serialization=False)
    write("checkpoints", "types-bin.json", {
        name: {
            "shape": list(t.shape),
            "values": t.float().contiguous().numpy().view(np.uint32).flatten().tolist()
            if t.is_floating_point() else t.long().flatten().tolist(),
        }
        for name, t in values.items()
    })
    torch.save({"model": torch.nn.Linear(2, 3), "epoch": 5}, FIXTURES / "module.bin")


def clip_checkpoint():
    torch.manual_seed(11)
    config = CLIPVisionConfig(image_size=6, patch_size=2, hidden_size=10, num_hidden_layers=2, num_attention_heads=2,
                              intermediate_size=14, projection_dim=7)
    model = randomize(CLIPVisionModel(config))
    folder = ROOT / "packages" / "clip-model" / "test" / "fixtures" / "clip-checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    pixels = (torch.sin(torch.arange(5 * 3 * 6 * 6) * 0.7) * 0.9).reshape(5, 3, 6, 6)
    write("clip-model", "clip-checkpoint.json", {"pooled": flat(model(pixels).pooler_output)})


bert_checkpoints()
type_files()
clip_checkpoint()
