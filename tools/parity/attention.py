"""Attention weights of the single-stream and the double-stream model, and their rollout (arXiv 2005.00928)."""
import torch
from common import bert, fill, flat, input_embedding, linear, norm, write
from models import BATCH, CONFIG, bias_of, first, lxmert_parameters
from transformers import BertConfig, BertModel, LxmertConfig, ViTConfig
from transformers.models.lxmert.modeling_lxmert import LxmertXLayer
from transformers.models.vit.modeling_vit import ViTLayer


class Recorded:
    """What softmax gives, call by call: in eager attention the weights [B, H, Q, K]."""

    def __enter__(self):
        self.weights, self.original = [], torch.nn.functional.softmax
        def softmax(*args, **more):
            self.weights.append(self.original(*args, **more))
            return self.weights[-1]
        torch.nn.functional.softmax = softmax
        return self

    def __exit__(self, *_):
        torch.nn.functional.softmax = self.original


def rollout(steps, size):
    """The product of (A + I) / 2 over the steps; a step renews some rows at once: [(queries, keys, weights)]."""
    shares = torch.eye(size).expand(len(steps[0][0][2]), size, size)
    for step in steps:
        mixing = torch.eye(size).expand_as(shares).clone()
        for queries, keys, weights in step:
            own = torch.zeros_like(mixing)
            own[:, queries, keys] = weights.mean(1)
            mixing[:, queries] = (mixing[:, queries] + own[:, queries]) / 2
        shares = mixing @ shares
    return shares


def uni_model_case(tokens, segments, text_mask, frames, frame_mask):
    count = frames.shape[1]
    model = BertModel(BertConfig(**CONFIG), add_pooling_layer=False).eval()
    own = BertConfig(**{**CONFIG, "max_position_embeddings": count})
    video = BertModel(own, add_pooling_layer=False).eval().embeddings
    projection = torch.nn.Linear(frames.shape[2], CONFIG["hidden_size"])
    fill(bert("bert.", model) + linear("frames.projection", projection) + input_embedding("frames.embeddings", video))
    states = torch.cat([model.embeddings(input_ids=tokens, token_type_ids=segments), video(inputs_embeds=projection(frames))], 1)
    mask = torch.cat([text_mask, frame_mask], 1)
    with Recorded() as recorded:
        for module in model.encoder.layer:
            states = first(module(states, bias_of(mask)))
    everything = slice(None)
    steps = [[(everything, everything, weights)] for weights in recorded.weights]
    return {"weights": [flat(w) for w in recorded.weights], "rollout": flat(rollout(steps, mask.shape[1]))}


def lxmert_model_case(tokens, segments, text_mask, frames, frame_mask):
    """All frames are there, for ViT's attention takes no mask. Two layers of each kind."""
    sizes = {name: CONFIG[name] for name in ("hidden_size", "num_attention_heads", "intermediate_size")}
    width, (_, count, features) = CONFIG["hidden_size"], frames.shape
    text_model = BertModel(BertConfig(**CONFIG), add_pooling_layer=False).eval()
    vit = ViTConfig(**sizes, hidden_act="gelu", layer_norm_eps=1e-12, attn_implementation="eager")
    vit_layers = [ViTLayer(vit).eval() for _ in range(2)]
    cross = [LxmertXLayer(LxmertConfig(**sizes)).eval() for _ in range(2)]
    projection, final = torch.nn.Linear(features, width), torch.nn.LayerNorm(width, eps=1e-12)
    class_token, position = torch.nn.Parameter(torch.zeros(1, width)), torch.nn.Parameter(torch.zeros(1 + count, width))
    parameters = lxmert_parameters(text_model, projection, class_token, position, vit_layers, final, cross)
    fill(parameters)
    length = tokens.shape[1]
    text_rows, video_rows = slice(0, length), slice(length, length + 1 + count)
    steps = []
    with Recorded() as recorded:
        text = text_model(input_ids=tokens, token_type_ids=segments, attention_mask=text_mask).last_hidden_state
        video = torch.cat([class_token.expand(len(frames), 1, width), projection(frames)], 1) + position
        for module in vit_layers:
            video = first(module(video))
        video = final(video)
        ones = torch.ones(len(frames), 1 + count)
        for module in cross:
            text, video = module(text, bias_of(text_mask), video, bias_of(ones), None)[:2]
    weights = recorded.weights
    steps += [[(text_rows, text_rows, w)] for w in weights[:2]] + [[(video_rows, video_rows, w)] for w in weights[2:4]]
    for to_text, to_video, own_text, own_video in (weights[4:8], weights[8:12]):
        steps.append([(text_rows, video_rows, to_text), (video_rows, text_rows, to_video)])
        steps += [[(text_rows, text_rows, own_text)], [(video_rows, video_rows, own_video)]]
    shares = rollout(steps, length + 1 + count)
    kept = [i for i in range(length + 1 + count) if i != length]
    return {"weights": [flat(w) for w in weights], "rollout": flat(shares[:, kept][:, :, kept])}


if __name__ == "__main__":
    write("uni-model", "attention.json", uni_model_case(**BATCH))
    everything = {**BATCH, "frame_mask": torch.ones_like(BATCH["frame_mask"])}
    write("lxmert-model", "attention.json", lxmert_model_case(**everything))
