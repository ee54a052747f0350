"""Values and gradients of every pretraining loss, written independently in PyTorch."""
import math

import torch
import torch.nn.functional as F
from clip_vision import CONFIG as VISION, tower
from common import bert, fill, flat, gradients, linear, wave, write
from transformers import BertConfig, BertModel, CLIPVisionConfig, CLIPVisionModel

B, L, FR, D, V, DV, T = 3, 7, 5, 14, 23, 13, 11
TEXT = dict(
    vocab_size=17, hidden_size=6, num_hidden_layers=1, num_attention_heads=2, intermediate_size=11,
    max_position_embeddings=5, type_vocab_size=1, hidden_act="gelu", layer_norm_eps=1e-12, attn_implementation="eager",
)


def leaf(shape, phase, scale=0.3, offset=0.0):
    return (wave(shape, phase, scale) + offset).requires_grad_()


def head(phase, width_out):
    return {
        "transform.weight": leaf((D, D), phase), "transform.bias": leaf((D,), phase + 1),
        "norm.gamma": leaf((D,), phase + 2, offset=1.0), "norm.beta": leaf((D,), phase + 3),
        **width_out,
    }


def transform(x, h):
    x = F.gelu(x @ h["transform.weight"] + h["transform.bias"])
    return F.layer_norm(x, (D,), h["norm.gamma"], h["norm.beta"], 1e-12)


def result(loss, leaves):
    """A loss that asks nothing is 0, and so are its gradients."""
    if loss.requires_grad:
        loss.backward()
    return {
        "loss": loss.item(),
        "gradients": {name: flat(torch.zeros_like(x) if x.grad is None else x.grad) for name, x in leaves.items()},
    }


def mean_cross_entropy(logits, labels):
    return F.cross_entropy(logits, torch.tensor(labels)) if labels else torch.tensor(0.0)


def token_loss(text, word, h, rows, labels):
    logits = transform(text.reshape(-1, D)[rows], h) @ word.T + h["bias"]
    return mean_cross_entropy(logits, labels)


def frame_loss(frames, features, h, rows, labels, normalize=False, temperature=1.0):
    out = transform(frames.reshape(-1, D)[rows], h) @ h["output.weight"] + h["output.bias"]
    if normalize:
        out, features = F.normalize(out), F.normalize(features)
    return mean_cross_entropy(out @ features.T / temperature, labels)


def mlm(rows=(1, 5, 9, 16), labels=(7, 22, 5, 11), batch=B):
    text, word = leaf((batch, L, D), 0.5, 1.0), leaf((V, D), 9)
    h = head(0, {"bias": leaf((V,), 4)})
    return result(token_loss(text, word, h, list(rows), list(labels)), {"text": text, "word": word, **h})


def mfm(rows=(0, 6, 14), labels=(0, 4, 8), candidates=9, batch=B, normalize=False, temperature=1.0):
    frames, features = leaf((batch, FR, D), 1.5, 1.0), wave((candidates, DV), 2.5, 1.0)
    h = head(0, {"output.weight": leaf((D, DV), 4), "output.bias": leaf((DV,), 5)})
    loss = frame_loss(frames, features, h, list(rows), list(labels), normalize, temperature)
    return result(loss, {"frames": frames, **h})


def tag(rows=(0, 2), tags=((1, 4), (10,)), batch=B, relu=False):
    cls = leaf((batch, D), 3.5, 1.0)
    h = {"output.weight": leaf((D, T), 0), "output.bias": leaf((T,), 1)}
    read = F.relu(cls) if relu else cls
    return result(tag_loss(read @ h["output.weight"] + h["output.bias"], rows, tags), {"cls": cls, **h})


def class_head(rows=(0, 2), labels=(1, 10), batch=B):
    cls = leaf((batch, D), 3.5, 1.0)
    h = {"output.weight": leaf((D, T), 0), "output.bias": leaf((T,), 1)}
    logits = cls @ h["output.weight"] + h["output.bias"]
    return result(F.cross_entropy(logits[list(rows)], torch.tensor(labels)), {"cls": cls, **h})


def tag_loss(logits, rows, tags):
    truth = torch.zeros(len(rows), T)
    for i, own in enumerate(tags):
        truth[i, list(own)] = 1
    return F.binary_cross_entropy_with_logits(logits[list(rows)], truth) if rows else torch.tensor(0.0)


def mean_of(states, lengths):
    """The mean over what is not padding of rows with so many tokens and frames, of L columns of text and the rest of frames."""
    mask = torch.zeros(states.shape[:2])
    for row, (tokens, shown) in enumerate(lengths):
        mask[row, :tokens] = 1
        mask[row, L:L + shown] = 1
    return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def tag_mean(relu=False):
    """QQ's jobs 2 and 3: the mean over what is not padding, through a layer; the last video has nothing at all."""
    text, frames = leaf((B, L, D), 0.5, 1.0), leaf((B, FR, D), 1.5, 1.0)
    h = {"hidden.weight": leaf((D, 6), 0), "hidden.bias": leaf((6,), 1),
         "output.weight": leaf((6, T), 2), "output.bias": leaf((T,), 3)}
    pooled = mean_of(torch.cat([text, frames], 1), [(7, 2), (3, 0), (0, 0)])
    read = pooled @ h["hidden.weight"] + h["hidden.bias"]
    logits = (F.relu(read) if relu else read) @ h["output.weight"] + h["output.bias"]
    return result(tag_loss(logits, (0, 1, 2), ((1, 4), (10,), (3,))), {"text": text, "frames": frames, **h})


def info_nce(left, right, scale, unit=True):
    """`right` may have more rows: wrong answers of earlier batches."""
    left, right = (F.normalize(left), F.normalize(right)) if unit else (left, right)
    logits = left @ right.T * scale.exp()
    own = torch.arange(len(left))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits[:, :len(left)].T, own)) / 2


def clip(batch=B, past=0):
    frames, texts = leaf((batch, D), 0.5, 1.0), leaf((batch + past, D), 1.5, 1.0)
    scale = torch.tensor(math.log(1 / 0.07), requires_grad=True)
    return result(info_nce(frames, texts, scale), {"frames": frames, "texts": texts, "logScale": scale})


def clip_stage():
    """The whole stage: CLIP's vision tower, mean over each video's frames; BERT, masked mean, projection."""
    vision = CLIPVisionModel(CLIPVisionConfig(**{**VISION, "num_hidden_layers": 1})).eval()
    text = BertModel(BertConfig(**TEXT), add_pooling_layer=False).eval()
    projection, scale = torch.nn.Linear(6, 14), torch.nn.Parameter(torch.zeros(()))
    kernel = getattr(vision, "vision_model", vision).embeddings.patch_embedding.weight
    parameters = [(f"vision.{path}", *rest) for path, *rest in tower(vision)]
    parameters += bert("text.", text) + linear("projection", projection)
    with torch.no_grad():
        kernel.copy_(wave((75, 14), 0).T.reshape(kernel.shape))
    fill([("", torch.empty(0), False)] + parameters)
    with torch.no_grad():
        scale.fill_(1.0)
    owner, lengths = torch.tensor([0, 0, 1, 2, 2, 2]), [5, 2, 3]
    tokens = torch.tensor([[2, 5, 7, 11, 3], [2, 3, 0, 0, 0], [2, 13, 3, 0, 0]])
    mask = torch.tensor([[int(i < n) for i in range(5)] for n in lengths])
    seen = vision(pixel_values=wave((6, 3, 15, 15), 0.25, 1.0)).pooler_output
    frames = torch.stack([seen[owner == video].mean(0) for video in range(3)])
    states = text(input_ids=tokens, attention_mask=mask, token_type_ids=torch.zeros_like(tokens)).last_hidden_state
    texts = projection((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
    loss = info_nce(frames, texts, scale)
    loss.backward()
    grads = {"vision.patch": flat(kernel.grad.reshape(14, 75).T), "logScale": flat(scale.grad), **gradients(parameters)}
    return {"loss": loss.item(), "gradients": grads}


def ftm(labels=(1, 0, 0), rows=(0, 1, 2), batch=B):
    cls = leaf((batch, D), 3.5, 1.0)
    h = {"output.weight": leaf((D, 2), 0), "output.bias": leaf((2,), 1)}
    logits = cls[list(rows)] @ h["output.weight"] + h["output.bias"]
    return result(mean_cross_entropy(logits, list(labels)), {"cls": cls, **h})


def ftm_product(lengths=((7, 3), (2, 5), (4, 1)), labels=(1, 0, 0)):
    """ViLBERT's: what the two sides say, multiplied; here their masked means."""
    text, frames = leaf((B, L, D), 0.5, 1.0), leaf((B, FR, D), 1.5, 1.0)
    h = {"output.weight": leaf((D, 2), 0), "output.bias": leaf((2,), 1)}
    sides = mean_of(text, [(t, 0) for t, _ in lengths]) * mean_of(frames, [(f, 0) for _, f in lengths])
    logits = sides @ h["output.weight"] + h["output.bias"]
    return result(mean_cross_entropy(logits, list(labels)), {"text": text, "frames": frames, **h})


def ftc(learned, batch=B, past=0, unit=True):
    cls = leaf((2 * batch + past, D), 3.5, 1.0)
    h = {"logScale": leaf((), 0)} if learned else {}
    scale = h["logScale"] if learned else torch.tensor(0.0)
    titles = torch.cat([cls[:batch], cls[2 * batch:]])
    return result(info_nce(cls[batch:2 * batch], titles, scale, unit), {"cls": cls, **h})


def ftc_mean(lengths=((4, 0), (7, 0), (2, 0), (5, 3), (1, 5), (6, 1))):
    """WBDC's: masked means of titles and of the rest, no temperature, both directions added."""
    text, frames = leaf((2 * B, L, D), 0.5, 1.0), leaf((2 * B, FR, D), 1.5, 1.0)
    pooled = mean_of(torch.cat([text, frames], 1), lengths)
    loss = 2 * info_nce(pooled[B:], pooled[:B], torch.tensor(0.0))
    return result(loss, {"text": text, "frames": frames})


def mmm(tokens=((1, 2, 3, 4), (7, 22, 5, 11)), places=((5, 6, 10), (3, 4, 6)), candidates=9, batch=B):
    text, word, frames = leaf((batch, L, D), 0.5, 1.0), leaf((V, D), 9), leaf((batch, FR, D), 1.5, 1.0)
    features = wave((candidates, DV), 2.5, 1.0)
    t = head(0, {"bias": leaf((V,), 4)})
    f = head(5, {"output.weight": leaf((D, DV), 9), "output.bias": leaf((DV,), 10)})
    loss = token_loss(text, word, t, *map(list, tokens)) + 0.5 * frame_loss(frames, features, f, *map(list, places))
    named = {f"text.{k}": v for k, v in t.items()} | {f"frames.{k}": v for k, v in f.items()}
    return result(loss, {"text": text, "word": word, "frames": frames, **named})


NONE = ((), ())
write("pretrain-tasks", "tasks.json", {
    "ftm": ftm(), "ftm-product": ftm_product(), "ftc": ftc(True), "ftc-fixed": ftc(False), "ftc-past": ftc(True, past=4), "ftc-raw": ftc(False, unit=False), "mmm": mmm(),
    "mlm": mlm(), "mfm": mfm(), "mfm-normalized": mfm(normalize=True, temperature=0.07),
    "tag": tag(), "tag-mean": tag_mean(), "tag-relu": tag(relu=True), "tag-mean-relu": tag_mean(relu=True),
    "tag-category": class_head(),
    "ftc-mean": ftc_mean(), "clip": clip(), "clip-past": clip(past=4), "clip-stage": clip_stage(),
    # One video.
    "mlm-one": mlm((3,), (7,), 1), "mfm-one": mfm((2,), (1,), 3, 1), "mfm-only": mfm((2,), (0,), 1, 1),
    "tag-one": tag((0,), ((4,),), 1),
    "ftm-one": ftm((1,), (0,), 1), "ftc-one": ftc(True, 1), "clip-one": clip(1), "mmm-one": mmm(NONE, ((0, 1), (0, 1)), 2, 1),
    # Nothing masked, nothing exchanged, no tags.
    "mlm-none": mlm((), ()), "mfm-none": mfm((), ()), "mmm-none": mmm(NONE, NONE), "tag-none": tag((), ()),
    "ftm-none": ftm((1, 1, 1)),
    # All frames missing.
    "mfm-frameless": mfm((), (), 0), "mmm-frameless": mmm(places=NONE, candidates=0), "ftm-frameless": ftm((), ()),
})
