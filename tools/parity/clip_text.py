"""Hidden states, pooler_output, projection and gradients of transformers' CLIP text tower, and a whole CLIP to load it from."""
import random

import torch
from clip_vision import layer
from common import ROOT, fill, flat, gradients, norm, wave, write
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig


def sizes(seed):
    """Odd sizes; of the even seeds the end token is not the last of the vocabulary, which OpenAI's is."""
    draw = random.Random(seed)
    heads, vocab = draw.randint(1, 3), draw.randint(13, 23)
    return dict(
        vocab_size=vocab, hidden_size=heads * draw.choice([7, 9]), num_attention_heads=heads,
        num_hidden_layers=draw.randint(1, 2), intermediate_size=draw.randint(7, 13), projection_dim=draw.randint(5, 9),
        max_position_embeddings=draw.randint(9, 11), eos_token_id=vocab - 1 if seed % 2 else 7, bos_token_id=1,
        pad_token_id=0, hidden_act=draw.choice(["quick_gelu", "gelu"]), layer_norm_eps=1e-5, attn_implementation="eager",
    )


def texts(config, seed):
    """Rows of one token (the end alone) to all positions, and padding behind the end."""
    draw = random.Random(seed)
    end, length = config["eos_token_id"], config["max_position_embeddings"] - 1
    ordinary = [token for token in range(1, config["vocab_size"] - 1) if token != end]
    lengths = [1, length, *(draw.randint(2, length) for _ in range(2))]
    rows = [[draw.choice(ordinary) for _ in range(n - 1)] + [end] + [0] * (length - n) for n in lengths]
    mask = [[int(i < n) for i in range(length)] for n in lengths]
    return torch.tensor(rows), torch.tensor(mask)


def tower(model):
    text = model.text_model
    parameters = [
        ("word", text.embeddings.token_embedding.weight, False),
        ("position", text.embeddings.position_embedding.weight, False),
    ]
    for i, module in enumerate(text.encoder.layers):
        parameters += layer(f"layers.{i}", module)
    return parameters + norm("finalNorm", text.final_layer_norm) + [("projection", model.text_projection.weight, True)]


def results(model, tokens, mask):
    out = model.text_model(input_ids=tokens, attention_mask=mask)
    return out.last_hidden_state * mask[..., None], out.pooler_output, model.text_projection(out.pooler_output)


def case(seed):
    config = sizes(seed)
    model = CLIPTextModelWithProjection(CLIPTextConfig(**config)).eval()
    parameters = tower(model)
    fill(parameters)
    with torch.no_grad():
        model.text_model.embeddings.position_embedding.weight.mul_(0.25)  # two equal waves may cancel out
    tokens, mask = texts(config, seed)
    hidden, pooled, projected = results(model, tokens, mask)
    sum((t * wave(t.shape, 0.5 + i, 1.0)).sum() for i, t in enumerate((hidden, pooled, projected))).backward()
    return {
        "config": config, "tokens": tokens.tolist(), "mask": mask.tolist(), "hidden": flat(hidden),
        "pooled": flat(pooled), "projected": flat(projected), "gradients": gradients(parameters),
    }


def checkpoint():
    """As `openai/clip-vit-base-patch32` is published: both towers, and the end token that transformers knows as legacy."""
    text = {**sizes(1), "eos_token_id": 2}
    vision = dict(hidden_size=6, intermediate_size=7, num_hidden_layers=1, num_attention_heads=2, image_size=4, patch_size=2)
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=5)).eval()
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.copy_(torch.randn_like(tensor) * 0.3)
    folder = ROOT / "packages/clip-model/test/fixtures/clip-whole"
    model.save_pretrained(folder)
    tokens, mask = texts(sizes(1), 5)
    with torch.no_grad():
        _, pooled, projected = results(model, tokens, mask)
        pixels = wave((2, 3, 4, 4), 0, 0.9)
        seen = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
    return {
        "tokens": tokens.tolist(), "mask": mask.tolist(), "pooled": flat(pooled), "projected": flat(projected),
        "seen": flat(seen),
    }


# Not seeds whose gradients go into the hundreds: float32 has no four decimals there, in either implementation.
write("clip-model", "clip-text.json", {"cases": [case(seed) for seed in (2, 8, 13)], "whole": checkpoint()})
