"""Hidden states and gradients of transformers' BERT, alone and as the single-stream model over text and frames."""
import torch
from common import bert, fill, flat, gradients, input_embedding, linear, wave, write
from transformers import BertConfig, BertModel

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


bert_fixture()
uni_model_fixture()
