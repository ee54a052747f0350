"""Hidden states and gradients of transformers' BERT, of the single-stream model, and of the double-stream model."""
import random

import torch
from common import bert, fill, flat, gradients, input_embedding, layer, linear, norm, wave, write
from transformers import BertConfig, BertModel, LxmertConfig, ViTConfig
from transformers.models.lxmert.modeling_lxmert import LxmertXLayer
from transformers.models.vit.modeling_vit import ViTLayer

CONFIG = dict(
    vocab_size=23, hidden_size=14, num_hidden_layers=2, num_attention_heads=2, intermediate_size=22,
    max_position_embeddings=11, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12, attn_implementation="eager",
)
TOKENS = torch.tensor([[2, 5, 7, 11, 13, 17, 3], [2, 22, 19, 3, 0, 0, 0], [2, 3, 0, 0, 0, 0, 0]])
SEGMENTS = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]])
MASK = (TOKENS != 0).long()


FRAMES = wave((3, 5, 13), 0.25, 1.0)
FRAME_MASK = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
BATCH = dict(tokens=TOKENS, segments=SEGMENTS, text_mask=MASK, frames=FRAMES, frame_mask=FRAME_MASK)


def backward(text, frames, parameters):
    """Hidden states, and the gradients of one weighted sum of them."""
    loss = (text * wave(text.shape, 0.5, 1.0)).sum()
    if frames is not None:
        loss = loss + (frames * wave(frames.shape, 1.5, 1.0)).sum()
    loss.backward()
    states = {"hidden": flat(text)} if frames is None else {"text": flat(text), "frames": flat(frames)}
    return {**states, "gradients": gradients([p for p in parameters if p[1].grad is not None])}


def bert_case(config, tokens, segments, text_mask):
    model = BertModel(BertConfig(**config), add_pooling_layer=False).eval()
    parameters = bert("", model)
    fill(parameters)
    hidden = model(input_ids=tokens, token_type_ids=segments, attention_mask=text_mask).last_hidden_state
    return backward(hidden * text_mask[..., None], None, parameters)


def uni_model_case(config, tokens, segments, text_mask, frames, frame_mask):
    width, (_, count, features) = config["hidden_size"], frames.shape
    model = BertModel(BertConfig(**config), add_pooling_layer=False).eval()
    own = BertConfig(**{**config, "max_position_embeddings": count})
    video = BertModel(own, add_pooling_layer=False).eval().embeddings
    projection = torch.nn.Linear(features, width)
    parameters = bert("bert.", model) + linear("frames.projection", projection)
    parameters += input_embedding("frames.embeddings", video)
    fill(parameters)
    text = model.embeddings(input_ids=tokens, token_type_ids=segments)
    visual = video(inputs_embeds=projection(frames))
    # QQ's order: [CLS], frames, then the rest of the text.
    states = torch.cat([text[:, :1], visual, text[:, 1:]], 1)
    mask = torch.cat([text_mask[:, :1], frame_mask, text_mask[:, 1:]], 1)
    for module in model.encoder.layer:
        states = first(module(states, bias_of(mask)))
    states = states * mask[..., None]
    return backward(torch.cat([states[:, :1], states[:, 1 + count:]], 1), states[:, 1:1 + count], parameters)


def vit_layer(path, module):
    """One Hugging Face ViTLayer by our paths, in our order."""
    attention = module.attention
    return (
        linear(f"{path}.attention.query", attention.q_proj) + linear(f"{path}.attention.key", attention.k_proj)
        + linear(f"{path}.attention.value", attention.v_proj) + linear(f"{path}.attention.output", attention.o_proj)
        + norm(f"{path}.attentionNorm", module.layernorm_before)
        + linear(f"{path}.intermediate", module.mlp.fc1) + linear(f"{path}.output", module.mlp.fc2)
        + norm(f"{path}.outputNorm", module.layernorm_after)
    )


def self_layer(path, attention, intermediate, output):
    """The self-attention and feed-forward half of an LxmertXLayer, which is a BERT layer."""
    return (
        linear(f"{path}.attention.query", attention.self.query) + linear(f"{path}.attention.key", attention.self.key)
        + linear(f"{path}.attention.value", attention.self.value) + linear(f"{path}.attention.output", attention.output.dense)
        + norm(f"{path}.attentionNorm", attention.output.LayerNorm)
        + linear(f"{path}.intermediate", intermediate.dense) + linear(f"{path}.output", output.dense)
        + norm(f"{path}.outputNorm", output.LayerNorm)
    )


def cross_layer(path, module):
    cross = module.visual_attention
    return (
        linear(f"{path}.cross.query", cross.att.query) + linear(f"{path}.cross.key", cross.att.key)
        + linear(f"{path}.cross.value", cross.att.value) + linear(f"{path}.cross.output", cross.output.dense)
        + norm(f"{path}.crossNorm", cross.output.LayerNorm)
        + self_layer(f"{path}.text", module.lang_self_att, module.lang_inter, module.lang_output)
        + self_layer(f"{path}.video", module.visn_self_att, module.visn_inter, module.visn_output)
    )


def lxmert_parameters(text_model, projection, class_token, position, vit_layers, final, cross):
    parameters = bert("bert.", text_model) + linear("video.projection", projection)
    parameters += [("video.classToken", class_token, False), ("video.position", position, False)]
    for i, module in enumerate(vit_layers):
        parameters += vit_layer(f"video.layers.{i}", module)
    parameters += norm("video.norm", final)
    for i, module in enumerate(cross):
        parameters += cross_layer(f"cross.{i}", module)
    return parameters


def bias_of(mask):
    return (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min


def first(out):
    return out[0] if isinstance(out, tuple) else out


def lxmert_model_case(config, video_layers, cross_layers, tokens, segments, text_mask, frames, frame_mask):
    sizes = {name: config[name] for name in ("hidden_size", "num_attention_heads", "intermediate_size")}
    width, (videos, count, features) = config["hidden_size"], frames.shape
    text_model = BertModel(BertConfig(**config), add_pooling_layer=False).eval()
    vit = ViTConfig(**sizes, hidden_act="gelu", layer_norm_eps=1e-12, attn_implementation="eager")
    vit_layers = [ViTLayer(vit).eval() for _ in range(video_layers)]
    cross = [LxmertXLayer(LxmertConfig(**sizes)).eval() for _ in range(cross_layers)]
    projection, final = torch.nn.Linear(features, width), torch.nn.LayerNorm(width, eps=1e-12)
    class_token = torch.nn.Parameter(torch.zeros(1, width))
    position = torch.nn.Parameter(torch.zeros(1 + count, width))
    parameters = lxmert_parameters(text_model, projection, class_token, position, vit_layers, final, cross)
    fill(parameters)

    text = text_model(input_ids=tokens, token_type_ids=segments, attention_mask=text_mask).last_hidden_state
    # ViT's attention takes no mask, so each video goes alone, without its padding.
    rows = []
    for row, own in enumerate(frames):
        valid = int(frame_mask[row].sum())
        x = (torch.cat([class_token, projection(own[:valid])]) + position[: 1 + valid])[None]
        for module in vit_layers:
            x = first(module(x))
        rows.append(torch.nn.functional.pad(final(x), (0, 0, 0, count - valid)))
    video = torch.cat(rows)
    mask = torch.cat([torch.ones(videos, 1), frame_mask], 1)
    for module in cross:
        out = module(text, bias_of(text_mask), video, bias_of(mask), None)
        text, video = out[0], out[1]
    return backward(text * text_mask[..., None], video[:, 1:] * frame_mask[..., None], parameters)


def random_case(seed):
    """Odd sizes, rows of any length; the first video has no text, the second no frames."""
    draw = random.Random(seed)
    heads, videos, length, count = draw.randint(1, 3), draw.randint(3, 5), draw.randint(3, 9), draw.randint(2, 6)
    config = {
        **CONFIG, "vocab_size": draw.randint(11, 19), "hidden_size": heads * draw.choice([3, 5]),
        "num_attention_heads": heads, "num_hidden_layers": draw.randint(1, 2), "intermediate_size": draw.randint(7, 13),
        "max_position_embeddings": length + draw.randint(0, 2), "type_vocab_size": draw.randint(1, 3),
    }
    # Token 0 gets no gradient in transformers (padding_idx).
    tokens = [[draw.randrange(1, config["vocab_size"]) for _ in range(length)] for _ in range(videos)]
    segments = [[draw.randrange(config["type_vocab_size"]) for _ in range(length)] for _ in range(videos)]
    texts = [0, *(draw.randint(1, length) for _ in range(videos - 1))]
    shown = [draw.randint(1, count), 0, *(draw.randint(0, count) for _ in range(videos - 2))]
    mask = lambda lengths, width: torch.tensor([[int(i < n) for i in range(width)] for n in lengths])
    batch = dict(
        tokens=torch.tensor(tokens), segments=torch.tensor(segments), text_mask=mask(texts, length),
        frames=wave((videos, count, draw.randint(3, 11)), 0.25, 1.0), frame_mask=mask(shown, count),
    )
    return config, (draw.randint(1, 2), draw.randint(1, 2)), batch


def described(config, batch, **more):
    """A case as the tests build it; the frames are waves there too."""
    sizes = dict(
        vocabSize=config["vocab_size"], hiddenSize=config["hidden_size"], layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"], intermediateSize=config["intermediate_size"],
        maxPositions=config["max_position_embeddings"], segments=config["type_vocab_size"], dropout=0.1,
        frameSize=batch["frames"].shape[2], maxFrames=batch["frames"].shape[1], **more,
    )
    names = dict(tokens="tokens", segments="segments", text_mask="textMask", frame_mask="frameMask")
    return {"sizes": sizes, **{ours: batch[name].tolist() for name, ours in names.items()}}


def text_of(batch):
    return {name: batch[name] for name in ("tokens", "segments", "text_mask")}


if __name__ == "__main__":
    write("nn", "bert.json", bert_case(CONFIG, **text_of(BATCH)))
    write("uni-model", "uni-model.json", uni_model_case(CONFIG, **BATCH))
    write("lxmert-model", "lxmert-model.json", lxmert_model_case(CONFIG, 2, 2, **BATCH))
    cases = [random_case(seed) for seed in (1, 2, 3, 4)]
    write("nn", "bert-random.json", [
        {**described(config, batch), **bert_case(config, **text_of(batch))} for config, _, batch in cases
    ])
    write("uni-model", "random.json", [
        {**described(config, batch), **uni_model_case(config, **batch)} for config, _, batch in cases
    ])
    write("lxmert-model", "random.json", [
        {**described(config, batch, videoLayers=video, crossLayers=cross),
         **lxmert_model_case(config, video, cross, **batch)} for config, (video, cross), batch in cases
    ])
