"""Hidden states, pooler_output, projection and gradients of transformers' CLIP vision tower, and its checkpoint layout."""
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
    vision = model.vision_model
    embeddings = vision.embeddings
    parameters = [
        ("classToken", embeddings.class_embedding, False),
        ("position", embeddings.position_embedding.weight, False),
    ] + norm("preNorm", vision.pre_layrnorm)
    for i, module in enumerate(vision.encoder.layers):
        parameters += layer(f"layers.{i}", module)
    return parameters + norm("postNorm", vision.post_layernorm) + [("projection", model.visual_projection.weight, True)]


def fixture(activation):
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**{**CONFIG, "hidden_act": activation})).eval()
    kernel = model.vision_model.embeddings.patch_embedding.weight
    parameters = tower(model)
    # Parameter 0 is the patch matrix [3 * 5 * 5, 14], the flattened kernel's transpose.
    with torch.no_grad():
        kernel.copy_(wave((75, 14), 0).T.reshape(kernel.shape))
    fill([("", torch.empty(0), False)] + parameters)
    out = model(pixel_values=wave((3, 3, 15, 15), 0.25, 1.0))
    hidden, projected = out.last_hidden_state, out.image_embeds
    pooled = model.vision_model.post_layernorm(hidden[:, 0])
    loss = sum((t * wave(t.shape, 0.5 + i, 1.0)).sum() for i, t in enumerate((hidden, pooled, projected)))
    loss.backward()
    grads = {"patch": flat(kernel.grad.reshape(14, 75).T), **gradients(parameters)}
    return model, {"hidden": flat(hidden), "pooled": flat(pooled), "projected": flat(projected), "gradients": grads}


if __name__ == "__main__":
    model, quick = fixture("quick_gelu")
    _, erf = fixture("gelu")
    write("video-features", "clip-vision.json", {"quick": quick, "erf": {k: erf[k] for k in ("hidden", "pooled")}})
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, ROOT / "packages/video-features/test/fixtures/clip-vision.safetensors")
