"""State dicts as the two originals save them, tiny, with the states and gradients that PyTorch computes from them.

uni-model/aiac         AIAC 2021 rank 1: QQUniModel with its heads, behind DataParallel's `module.`, in {'state_dict': ...}
lxmert-model/wbdc      WBDC 2022 rank 8: MULTIBERT2, in {'epoch', 'model_state_dict', 'mean_f1'}
lxmert-model/lxmert    a LxmertModel of transformers as save_pretrained writes it
checkpoints/*.bin      a state dict beside an optimizer's, in both containers of PyTorch
The names are facts of the two repositories; the modules are transformers' own.

pretrain-tasks/originals-*.json  logits and losses of all objectives on both models: see original_objectives.py
"""
import json
import shutil
from collections import OrderedDict

import numpy as np
import torch
from common import ROOT, bert, flat, gradients, input_embedding, linear, norm, wave, write
from original_objectives import objectives
from models import BATCH, backward, bias_of, cross_layer, first, layer
from transformers import BertConfig, BertModel, LxmertConfig, LxmertModel
from transformers.models.bert.modeling_bert import BertOnlyMLMHead
from transformers.models.lxmert.modeling_lxmert import LxmertXLayer

SIZES = dict(
    vocab_size=23, hidden_size=6, num_hidden_layers=2, num_attention_heads=2, intermediate_size=10,
    max_position_embeddings=11, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12, attn_implementation="eager",
)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"视频标题美食音乐游戏运动旅行学习科技"]
FEATURES = BATCH["frames"].shape[2]


def randomize(module):
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            scale = name.endswith("weight") and "norm" in name.lower()
            parameter.normal_(1.0 if scale else 0.0, 0.3)
    return module.eval()


def folder(package, name):
    path = ROOT / "packages" / package / "test" / "fixtures" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    (path / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY), encoding="utf8")
    config = {"model_type": "bert", "hidden_dropout_prob": 0.1, **SIZES}
    del config["attn_implementation"]
    (path / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return path


def under(prefix, module, without=()):
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items() if not name.startswith(without)}


class FrameHead(torch.nn.Module):
    """The head of the masked frame model; its decoder's bias has two names."""

    def __init__(self, width, features):
        super().__init__()
        self.predictions = torch.nn.Module()
        self.predictions.transform = torch.nn.Module()
        self.predictions.transform.dense = torch.nn.Linear(width, width)
        self.predictions.transform.LayerNorm = torch.nn.LayerNorm(width)
        self.predictions.decoder = torch.nn.Linear(width, features)
        self.predictions.bias = self.predictions.decoder.bias


def aiac():
    torch.manual_seed(3)
    width, (_, count, _) = SIZES["hidden_size"], BATCH["frames"].shape
    text = randomize(BertModel(BertConfig(**SIZES), add_pooling_layer=False))
    video = randomize(BertModel(BertConfig(**SIZES), add_pooling_layer=False)).embeddings
    video_fc = randomize(torch.nn.Linear(FEATURES, width))
    heads = {
        "roberta.cls.": randomize(BertOnlyMLMHead(BertConfig(**SIZES))),
        "roberta_mvm_lm_header.": randomize(FrameHead(width, FEATURES)),
        "newfc_hidden.": randomize(torch.nn.Linear(width, 4)), "newfc_tag.": randomize(torch.nn.Linear(width, 5)),
    }
    state = {
        **under("roberta.bert.", text), **under("roberta.bert.video_fc.", video_fc),
        **under("roberta.bert.video_embeddings.", video),
    }
    for prefix, module in heads.items():
        state |= under(prefix, module)
    state["roberta.cls.predictions.decoder.weight"] = state["roberta.bert.embeddings.word_embeddings.weight"]
    path = folder("uni-model", "aiac")
    torch.save({"state_dict": OrderedDict((f"module.{name}", tensor) for name, tensor in state.items())}, path / "job1.pth")

    tokens, mask = BATCH["tokens"], BATCH["text_mask"]
    words = text.embeddings(input_ids=tokens, token_type_ids=BATCH["segments"])
    frames = video(inputs_embeds=video_fc(BATCH["frames"]))
    states = torch.cat([words[:, :1], frames, words[:, 1:]], 1)  # [CLS] frames [SEP] title [SEP]
    mask = torch.cat([mask[:, :1], BATCH["frame_mask"], mask[:, 1:]], 1)
    for module in text.encoder.layer:
        states = first(module(states, bias_of(mask)))
    states = states * mask[..., None]
    parameters = bert("bert.", text) + linear("frames.projection", video_fc) + input_embedding("frames.embeddings", video)
    states = torch.cat([states[:, :1], states[:, 1 + count:]], 1), states[:, 1:1 + count]
    expected = backward(*states, parameters)
    header = heads["roberta_mvm_lm_header."].predictions
    write("uni-model", "aiac.json", {
        **expected, "embedding": flat(heads["newfc_hidden."].weight.T), "mlmBias": flat(heads["roberta.cls."].predictions.bias),
        "mfmOutput": flat(header.decoder.weight.T),
    })


def cross_layers(modules, text, text_mask, video, video_mask):
    for module in modules:
        text, video = module(text, bias_of(text_mask), video, bias_of(video_mask), None)[:2]
    return text, video


def wbdc():
    torch.manual_seed(5)
    width, videos = SIZES["hidden_size"], len(BATCH["tokens"])
    text = randomize(BertModel(BertConfig(**SIZES)))
    vision = randomize(BertModel(BertConfig(**{**SIZES, "num_hidden_layers": 1})))
    cross = [randomize(LxmertXLayer(LxmertConfig(**{k: v for k, v in SIZES.items() if k != "num_hidden_layers"})))
             for _ in range(2)]
    cls_token = torch.nn.Parameter(torch.randn(1, 1, width) * 0.3)
    head = randomize(torch.nn.Linear(2 * width, 5))
    state = {
        "cls_token": cls_token.detach(), **under("vision_encoder.", vision), **under("roberta.", text),
        **under("newfc_tag.", head),
    }
    for i, module in enumerate(cross):
        state |= under(f"cross_bert.x_layers.{i}.", module)
    path = folder("lxmert-model", "wbdc")
    checkpoint = {"epoch": 3, "model_state_dict": OrderedDict(state), "mean_f1": np.float64(0.7123)}
    torch.save(checkpoint, path / "model_epoch_3.bin")

    # Frames have the model's width; a projection that changes nothing, for its gradients.
    projection = torch.nn.Linear(width, width)
    with torch.no_grad():
        projection.weight.copy_(torch.eye(width))
        projection.bias.zero_()
    frames, frame_mask = BATCH["frames"][..., :width].contiguous(), BATCH["frame_mask"]
    inputs = torch.cat([cls_token.expand(videos, -1, -1), projection(frames)], 1)
    video_mask = torch.cat([torch.ones(videos, 1), frame_mask], 1)
    video = vision(inputs_embeds=inputs, attention_mask=video_mask).last_hidden_state
    words = text(input_ids=BATCH["tokens"], token_type_ids=BATCH["segments"], attention_mask=BATCH["text_mask"])
    text_state, video = cross_layers(cross, words.last_hidden_state, BATCH["text_mask"], video, video_mask)
    position = vision.embeddings.position_embeddings.weight
    parameters = bert("bert.", text) + linear("video.projection", projection)
    parameters += [("video.classToken", cls_token, False), ("video.position", position, False)]
    for i, module in enumerate(vision.encoder.layer):
        parameters += layer(f"video.layers.{i}", module)
    parameters += norm("video.norm", vision.embeddings.LayerNorm)
    for i, module in enumerate(cross):
        parameters += cross_layer(f"cross.{i}", module)
    expected = backward(
        text_state * BATCH["text_mask"][..., None], video[:, 1:] * frame_mask[..., None], parameters,
    )
    write("lxmert-model", "wbdc.json", {"frames": expected.pop("frames"), **expected, "features": flat(frames)})


def lxmert():
    torch.manual_seed(7)
    sizes = {k: v for k, v in SIZES.items() if k != "num_hidden_layers"}
    config = LxmertConfig(**sizes, l_layers=2, x_layers=2, r_layers=1, visual_feat_dim=FEATURES)
    model = randomize(LxmertModel(config))
    path = folder("lxmert-model", "lxmert")
    model.save_pretrained(path)
    text_mask, frame_mask = BATCH["text_mask"], BATCH["frame_mask"]
    words = model.embeddings(BATCH["tokens"], BATCH["segments"])
    text = words
    for module in model.encoder.layer:
        text = first(module(text, bias_of(text_mask)))
    video = wave((*frame_mask.shape, SIZES["hidden_size"]), 0.5, 1.0)
    related = first(model.encoder.r_layers[0](video, bias_of(frame_mask)))
    crossed, seen = cross_layers(model.encoder.x_layers, text, text_mask, related, frame_mask)
    write("lxmert-model", "lxmert.json", {
        "text": flat(text * text_mask[..., None]), "video": flat(related * frame_mask[..., None]),
        "crossedText": flat(crossed * text_mask[..., None]), "crossedVideo": flat(seen * frame_mask[..., None]),
        "projection": flat(model.encoder.visn_fc.visn_fc.weight.T),
    })


def checkpoints():
    model = torch.nn.Linear(2, 3)
    with torch.no_grad():
        model.weight.copy_(wave((3, 2), 1))
        model.bias.copy_(wave((3,), 2))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    content = {"epoch": 3, "score": np.float64(0.5), "optimizer": optimizer.state_dict()}
    target = ROOT / "packages" / "checkpoints" / "test" / "fixtures"
    torch.save({**content, "model_state_dict": state}, target / "training-zip.bin")
    torch.save({**content, "model": state}, target / "training-legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({**content, "model_image": state}, target / "training-named.bin")
    write("checkpoints", "training.json", {"weight": flat(model.weight), "bias": flat(model.bias)})


if __name__ == "__main__":
    aiac()
    wbdc()
    lxmert()
    checkpoints()
    objectives()
