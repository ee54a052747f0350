"""Hidden states, pooler_output, projection and gradients of transformers' CLIP vision tower, and its checkpoint layout."""
import random

import torch
from common import ROOT, fill, flat, gradients, linear, norm, wave, write
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

CONFIG = dict(
    hidden_size=14, intermediate_size=22, projection_dim=11, num_hidden_layers=2, num_attention_heads=2, image_size=15,
    patch_size=5, hidden_act="quick_gelu", layer_norm_eps=1e-5, attn_implementation="eager",
)


def layer(path, module):
    attention = module.self_attn
    return (
        linear(f"{path}.attention.query", attention.q_proj)
        + linear(f"{path}.attention.key", attention.k_proj)
        + linear(f"{path}.attention.value", attention.v_proj)
        + linear(f"{path}.attention.output", attention.out_proj)
        + norm(f"{path}.attentionNorm", module.layer_norm1)
        + linear(f"{path}.intermediate", module.mlp.fc1)
        + linear(f"{path}.output", module.mlp.fc2)
        + norm(f"{path}.outputNorm", module.layer_norm2)
    )


def tower(model):
    """All parameters but the patches; with a projection where the model has one."""
    vision = getattr(model, "vision_model", model)
    embeddings = vision.embeddings
    parameters = [
        ("classToken", embeddings.class_embedding, False),
        ("position", embeddings.position_embedding.weight, False),
    ] + norm("preNorm", vision.pre_layrnorm)
    for i, module in enumerate(vision.encoder.layers):
        parameters += layer(f"layers.{i}", module)
    parameters += norm("postNorm", vision.post_layernorm)
    return parameters + ([("projection", model.visual_projection.weight, True)] if hasattr(model, "visual_projection") else [])


def fixture(config, count=3):
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**config)).eval()
    kernel = model.vision_model.embeddings.patch_embedding.weight
    width, inputs = config["hidden_size"], 3 * config["patch_size"] ** 2
    parameters = tower(model)
    # Parameter 0 is the patch matrix [3 * patch * patch, width], the flattened kernel's transpose.
    with torch.no_grad():
        kernel.copy_(wave((inputs, width), 0).T.reshape(kernel.shape))
    fill([("", torch.empty(0), False)] + parameters)
    out = model(pixel_values=wave((count, 3, config["image_size"], config["image_size"]), 0.25, 1.0))
    hidden, projected = out.last_hidden_state, out.image_embeds
    pooled = model.vision_model.post_layernorm(hidden[:, 0])
    loss = sum((t * wave(t.shape, 0.5 + i, 1.0)).sum() for i, t in enumerate((hidden, pooled, projected)))
    loss.backward()
    grads = {"patch": flat(kernel.grad.reshape(width, inputs).T), **gradients(parameters)}
    return model, {"hidden": flat(hidden), "pooled": flat(pooled), "projected": flat(projected), "gradients": grads}


def random_case(seed):
    draw = random.Random(seed)
    heads, patch = draw.randint(1, 3), draw.randint(1, 3)
    config = {
        **CONFIG, "hidden_size": heads * draw.choice([7, 9]), "num_attention_heads": heads, "patch_size": patch,
        "image_size": patch * draw.randint(2, 3), "num_hidden_layers": draw.randint(1, 2),
        "intermediate_size": draw.randint(7, 13), "projection_dim": draw.randint(5, 9),
        "hidden_act": draw.choice(["quick_gelu", "gelu"]),
    }
    count = draw.randint(1, 3)
    return {"config": config, "count": count, **fixture(config, count)[1]}


if __name__ == "__main__":
    model, quick = fixture(CONFIG)
    _, erf = fixture({**CONFIG, "hidden_act": "gelu"})
    write("clip-model", "clip-vision.json", {"quick": quick, "erf": {k: erf[k] for k in ("hidden", "pooled")}})
    write("clip-model", "clip-vision-random.json", [random_case(seed) for seed in (1, 2, 3)])
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, ROOT / "packages/clip-model/test/fixtures/clip-vision.safetensors")
