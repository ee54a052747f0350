"""Hidden states and gradients of transformers' BERT, of the single-stream model, and of the double-stream model."""
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


def bert_fixture():
    model = BertModel(BertConfig(**CONFIG), add_pooling_layer=False).eval()
    parameters = bert("", model)
    fill(parameters)
    hidden = model(input_ids=TOKENS, token_type_ids=SEGMENTS, attention_mask=MASK).last_hidden_state
    hidden = hidden * MASK[..., None]
    (hidden * wave(hidden.shape, 0.5, 1.0)).sum().backward()
    write("nn", "bert.json", {"hidden": flat(hidden), "gradients": gradients(parameters)})


def uni_model_fixture():
    model = BertModel(BertConfig(**CONFIG), add_pooling_layer=False).eval()
    video = BertModel(BertConfig(**{**CONFIG, "max_position_embeddings": 5}), add_pooling_layer=False).eval().embeddings
    projection = torch.nn.Linear(13, 14)
    parameters = bert("bert.", model) + linear("frames.projection", projection)
    parameters += input_embedding("frames.embeddings", video)
    fill(parameters)
    frames = wave((3, 5, 13), 0.25, 1.0)
    frame_mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
    text = model.embeddings(input_ids=TOKENS, token_type_ids=SEGMENTS)
    visual = video(inputs_embeds=projection(frames))
    # QQ's order: [CLS], frames, then the rest of the text.
    states = torch.cat([text[:, :1], visual, text[:, 1:]], 1)
    mask = torch.cat([MASK[:, :1], frame_mask, MASK[:, 1:]], 1)
    bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    for module in model.encoder.layer:
        out = module(states, bias)
        states = out[0] if isinstance(out, tuple) else out
    states = states * mask[..., None]
    out_text = torch.cat([states[:, :1], states[:, 6:]], 1)
    out_frames = states[:, 1:6]
    ((out_text * wave(out_text.shape, 0.5, 1.0)).sum() + (out_frames * wave(out_frames.shape, 1.5, 1.0)).sum()).backward()
    write("uni-model", "uni-model.json", {
        "text": flat(out_text), "frames": flat(out_frames),
        "gradients": {k: v for k, v in gradients([p for p in parameters if p[1].grad is not None]).items()},
    })


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


def bias_of(mask):
    return (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min


def first(out):
    return out[0] if isinstance(out, tuple) else out


def lxmert_model_fixture():
    text_model = BertModel(BertConfig(**CONFIG), add_pooling_layer=False).eval()
    vit = ViTConfig(hidden_size=14, num_attention_heads=2, intermediate_size=22, hidden_act="gelu",
                    layer_norm_eps=1e-12, attn_implementation="eager")
    vit_layers = [ViTLayer(vit).eval() for _ in range(2)]
    lxmert = LxmertConfig(hidden_size=14, num_attention_heads=2, intermediate_size=22)
    cross = [LxmertXLayer(lxmert).eval() for _ in range(2)]
    projection, final = torch.nn.Linear(13, 14), torch.nn.LayerNorm(14, eps=1e-12)
    class_token, position = torch.nn.Parameter(torch.zeros(1, 14)), torch.nn.Parameter(torch.zeros(6, 14))
    parameters = bert("bert.", text_model) + linear("video.projection", projection)
    parameters += [("video.classToken", class_token, False), ("video.position", position, False)]
    for i, module in enumerate(vit_layers):
        parameters += vit_layer(f"video.layers.{i}", module)
    parameters += norm("video.norm", final)
    for i, module in enumerate(cross):
        parameters += cross_layer(f"cross.{i}", module)
    fill(parameters)

    frame_mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
    text = text_model(input_ids=TOKENS, token_type_ids=SEGMENTS, attention_mask=MASK).last_hidden_state
    # ViT's attention takes no mask, so each video goes alone, without its padding.
    videos = []
    for row, frames in enumerate(wave((3, 5, 13), 0.25, 1.0)):
        count = int(frame_mask[row].sum())
        x = (torch.cat([class_token, projection(frames[:count])]) + position[: 1 + count])[None]
        for module in vit_layers:
            x = first(module(x))
        videos.append(torch.nn.functional.pad(final(x), (0, 0, 0, 5 - count)))
    video = torch.cat(videos)
    mask = torch.cat([torch.ones(3, 1), frame_mask], 1)
    for module in cross:
        out = module(text, bias_of(MASK), video, bias_of(mask), None)
        text, video = out[0], out[1]
    text, frames = text * MASK[..., None], video[:, 1:] * frame_mask[..., None]
    ((text * wave(text.shape, 0.5, 1.0)).sum() + (frames * wave(frames.shape, 1.5, 1.0)).sum()).backward()
    results = gradients([p for p in parameters if p[1].grad is not None])
    write("lxmert-model", "lxmert-model.json", {"text": flat(text), "frames": flat(frames), "gradients": results})


bert_fixture()
uni_model_fixture()
lxmert_model_fixture()
