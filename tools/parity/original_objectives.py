"""The originals' encoders and objectives, rebuilt in plain PyTorch: logits and losses of one batch on random weights.

AIAC 2021 rank 1: `[CLS] frames [SEP] title [SEP]` or `frames [CLS] title [SEP]` through one BERT; tags on relu of the state of
[CLS], or of a layer of the mean; the loss (1250 tag + mlm / 1.25 + mfm / 3) / tasks.
WBDC 2022 rank 8: text then frames through one BERT, or a BERT and post-normalised layers with LXMERT's cross layers; the first
quarter of a batch for the mask-modality task, on the heads of the masked words and frames, the rest for match, masked words and
masked frames; titles against the rest in two passes, masked means, both directions added.
Padding is masked, as here and unlike there. Values come from a generator that the tests have too, seeded by a parameter's path.
"""
import math

import torch
import torch.nn.functional as F
from common import flat, write

B, L, FR, D, V, DV, T, HEADS, INNER = 8, 12, 4, 12, 31, 7, 11, 2, 20
CLS, SEP, MASK = 2, 3, 4


def noise(count, seed, scale):
    """Uniform in +-scale, by the multiplicative generator of ANSI C."""
    x, values = seed, []
    for _ in range(count):
        x = (x * 1103515245 + 12345) % 2**31
        values.append((x / 2**31 * 2 - 1) * scale)
    return values


def seed_of(path):
    x = 7
    for character in path:
        x = (x * 31 + ord(character)) % 2**31
    return x


def random(path, *shape):
    values = torch.tensor(noise(math.prod(shape), seed_of(path), 0.4), dtype=torch.float32).reshape(shape)
    return values + (1.0 if path.endswith("gamma") else 0.0)


def linear(x, path, width_out):
    return x @ random(f"{path}.weight", x.shape[-1], width_out) + random(f"{path}.bias", width_out)


def norm(x, path):
    return F.layer_norm(x, (x.shape[-1],), random(f"{path}.gamma", x.shape[-1]), random(f"{path}.beta", x.shape[-1]), 1e-12)


def attend(x, context, mask, path):
    split = lambda t: t.reshape(*t.shape[:2], HEADS, -1).transpose(1, 2)
    query = split(linear(x, f"{path}.query", D))
    key, value = (split(linear(context, f"{path}.{name}", D)) for name in ("key", "value"))
    scores = query @ key.transpose(2, 3) / math.sqrt(D / HEADS)
    scores = scores.masked_fill(mask[:, None, None, :] == 0, torch.finfo(torch.float32).min)
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(x.shape)
    return linear(mixed, f"{path}.output", D)


def bert_layer(x, mask, path):
    x = norm(x + attend(x, x, mask, f"{path}.attention"), f"{path}.attentionNorm")
    return norm(x + linear(F.gelu(linear(x, f"{path}.intermediate", INNER)), f"{path}.output", D), f"{path}.outputNorm")


def embed(x, path, positions):
    count = x.shape[1]
    table = random(f"{path}.position", positions, D)
    return norm(x + table[:count] + random(f"{path}.segment", 2, D)[0], f"{path}.norm")


WORDS = ("encoder.bert.embeddings.word", V, D)


def words(tokens):
    return embed(random(*WORDS)[tokens], "encoder.bert.embeddings", 16)


def single_stream(batch, order):
    """`[CLS] frames rest`, `frames text`, or `text frames`: positions count text and frames apart."""
    text, mask = words(batch["tokens"]), batch["text_mask"]
    shown, frame_mask = linear(batch["frames"], "encoder.frames.projection", D), batch["frame_mask"]
    shown = embed(shown, "encoder.frames.embeddings", FR)
    head = {"addcls": 1, "nocls": 0, "text first": text.shape[1]}[order]
    x = torch.cat([text[:, :head], shown, text[:, head:]], 1)
    mask = torch.cat([mask[:, :head], frame_mask, mask[:, head:]], 1)
    for i in range(2):
        x = bert_layer(x, mask, f"encoder.bert.layers.{i}")
    end = head + shown.shape[1]
    text = torch.cat([x[:, :head], x[:, end:]], 1)
    return text, x[:, head:end], text[:, 0]


def double_stream(batch, order):
    text, mask = words(batch["tokens"]), batch["text_mask"]
    for i in range(2):
        text = bert_layer(text, mask, f"encoder.bert.layers.{i}")
    rows = len(text)
    token = random("encoder.video.classToken", 1, D).expand(rows, 1, D)
    video = torch.cat([token, linear(batch["frames"], "encoder.video.projection", D)], 1)
    video = norm(video + random("encoder.video.position", 1 + FR, D)[:video.shape[1]], "encoder.video.norm")
    seen = torch.cat([torch.ones(rows, 1), batch["frame_mask"]], 1)
    video = bert_layer(video, seen, "encoder.video.layers.0")
    for i in range(2):
        path = f"encoder.cross.{i}"
        crossed = norm(text + attend(text, video, seen, f"{path}.cross"), f"{path}.crossNorm")
        back = norm(video + attend(video, text, mask, f"{path}.cross"), f"{path}.crossNorm")
        text, video = bert_layer(crossed, mask, f"{path}.text"), bert_layer(back, seen, f"{path}.video")
    return text, video[:, 1:], text[:, 0]


def mean(text, frames, batch):
    states = torch.cat([text, frames], 1)
    mask = torch.cat([batch["text_mask"], batch["frame_mask"]], 1).float()[..., None]
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def transform(x, path):
    return norm(F.gelu(linear(x, f"{path}.transform", D)), f"{path}.norm")


def masked_words(text, rows):
    return transform(text.reshape(-1, D)[rows], "heads.mlm") @ random(*WORDS).T + random("heads.mlm.bias", V)


def masked_frames(frames, rows, candidates):
    return linear(transform(frames.reshape(-1, D)[rows], "heads.mfm"), "heads.mfm.output", DV) @ candidates.T


def of(logits, loss):
    return {"logits": flat(logits), "loss": round(loss.item(), 8)}


def asked(logits, labels):
    return of(logits, F.cross_entropy(logits, torch.tensor(labels)))


# The batch: title, OCR and ASR of some lengths; frames of some numbers.
LENGTHS = [(3, 2, 1), (2, 0, 3), (4, 1, 0), (1, 1, 1), (3, 0, 0), (2, 3, 2), (5, 0, 1), (2, 2, 2)]
SHOWN = [3, 4, 2, 1, 4, 0, 2, 3]


def fields_of(row):
    drawn = [5 + int((value + 1) / 2 * (V - 5)) for value in noise(12, 100 + row, 1)]
    title, ocr, asr = LENGTHS[row]
    return drawn[:title], drawn[title:title + ocr], drawn[title + ocr:title + ocr + asr]


def batch_of(rows_of_tokens, frames, shown):
    width = max(map(len, rows_of_tokens))
    pad = lambda row, value: [*row, *[value] * (width - len(row))]
    return {
        "tokens": torch.tensor([pad(row, 0) for row in rows_of_tokens]),
        "text_mask": torch.tensor([pad([1] * len(row), 0) for row in rows_of_tokens]),
        "frames": frames, "frame_mask": torch.tensor([[int(i < n) for i in range(FR)] for n in shown]),
    }


def frames_of(shown):
    frames = random("frames", B, FR, DV)
    for row, count in enumerate(shown):
        frames[row, count:] = 0
    return frames


def take(batch, rows):
    return {name: value[rows] for name, value in batch.items()}


def mask(batch, token_rows, frame_rows):
    """Chosen tokens become [MASK], chosen frames zeros; candidates are all valid frames as they were."""
    labels = batch["tokens"].flatten()[token_rows].tolist()
    valid = batch["frame_mask"].flatten().nonzero().flatten().tolist()
    candidates = batch["frames"].reshape(-1, DV)[valid]
    tokens, frames = batch["tokens"].clone(), batch["frames"].clone()
    tokens.view(-1)[token_rows] = MASK
    frames.view(-1, DV)[frame_rows] = 0
    places = [valid.index(row) for row in frame_rows]
    return {**batch, "tokens": tokens, "frames": frames}, labels, places, candidates


def told(batch):
    return {
        "tokens": batch["tokens"].tolist(), "textMask": batch["text_mask"].tolist(), "frames": flat(batch["frames"]),
        "frameMask": batch["frame_mask"].tolist(),
    }


def positions(batch, taken):
    """Flat indices of some places of the rows, those that are no padding and no special token."""
    width = batch["tokens"].shape[1]
    ordinary = [i for i, token in enumerate(batch["tokens"].flatten().tolist()) if token > MASK]
    return [i for i in ordinary if (i // width, i % width) in taken] if isinstance(taken, set) else ordinary[::taken]


def aiac(encode, order, pooling):
    """Tags, masked words and masked frames of one pass. Videos 2 and 5 have no tags."""
    prefix = [CLS, SEP] if order == "addcls" else [CLS]
    batch = batch_of([[*prefix, *fields_of(row)[0], SEP] for row in range(B)], frames_of(SHOWN), SHOWN)
    token_rows, frame_rows = positions(batch, 4), [0, 5, 8, 17, 29]
    masked, labels, places, candidates = mask(batch, token_rows, frame_rows)
    text, frames, cls = encode(masked, order)
    tags = {0: [1, 4], 1: [0], 3: [10], 4: [2, 3, 5], 6: [7], 7: [1]}
    truth = torch.zeros(len(tags), T)
    for row, own in enumerate(tags.values()):
        truth[row, own] = 1
    state = cls if pooling == "cls" else linear(mean(text, frames, masked), "heads.tag.hidden", 8)
    logits = linear(F.relu(state), "heads.tag.output", T)[list(tags)]
    results = {
        "tag": of(logits, F.binary_cross_entropy_with_logits(logits, truth)),
        "mlm": asked(masked_words(text, token_rows), labels),
        "mfm": asked(masked_frames(frames, frame_rows, candidates), places),
    }
    weights = {"tag": 1250, "mlm": 1 / 1.25, "mfm": 1 / 3}
    total = sum(weights[name] * result["loss"] for name, result in results.items()) / len(results)
    return {
        "batch": told(masked), "tags": {str(row): own for row, own in tags.items()},
        "mlm": {"rows": token_rows, "labels": labels},
        "mfm": {"rows": frame_rows, "labels": places, "candidates": flat(candidates)},
        "results": results, "total": total,
    }


def wbdc(encode):
    row_of = lambda row, *parts: [CLS, *[token for part in parts for token in [*part, SEP]]]
    whole = batch_of([row_of(row, *fields_of(row)) for row in range(B)], frames_of(SHOWN), SHOWN)
    results = {}

    # The first quarter: video 0 without text, video 1 without frames.
    first = take(whole, [0, 1])
    width = first["tokens"].shape[1]
    token_rows = [i for i in positions(first, 1) if i < width]
    frame_rows = [FR + i for i in range(SHOWN[1])]
    onesided, labels, places, candidates = mask(first, token_rows, frame_rows)
    text, frames, _ = encode(onesided, "text first")
    results["mmm text"] = asked(masked_words(text, token_rows), labels)
    results["mmm frames"] = asked(masked_frames(frames, frame_rows, candidates), places)
    mmm = {"batch": told(onesided), "text": {"rows": token_rows, "labels": labels},
           "frames": {"rows": frame_rows, "labels": places, "candidates": flat(candidates)}}

    # The other three quarters: videos 2, 4 and 6 change their frames in a circle; then titles and frames are masked.
    rest = take(whole, [2, 3, 4, 5, 6, 7])
    source = [2, 1, 4, 3, 0, 5]
    exchanged = {**rest, "frames": rest["frames"][source], "frame_mask": rest["frame_mask"][source]}
    matched = [int(source[row] == row) for row in range(6)]
    width = rest["tokens"].shape[1]
    title = {(row, 1 + i) for row in range(6) if matched[row] for i in range(LENGTHS[row + 2][0])}
    token_rows, valid = positions(exchanged, title)[::2], exchanged["frame_mask"].flatten().nonzero().flatten().tolist()
    frame_rows = valid[1::3]
    masked, labels, places, candidates = mask(exchanged, token_rows, frame_rows)
    text, frames, cls = encode(masked, "text first")
    have = [row for row in range(6) if masked["frame_mask"][row].sum() > 0]
    results["ftm"] = asked(linear(cls, "heads.ftm.output", 2)[have], [matched[row] for row in have])
    results["mlm"] = asked(masked_words(text, token_rows), labels)
    results["mfm"] = asked(masked_frames(frames, frame_rows, candidates), places)
    shared = {"batch": told(masked), "ftm": {"rows": have, "labels": [matched[row] for row in have]},
              "mlm": {"rows": token_rows, "labels": labels},
              "mfm": {"rows": frame_rows, "labels": places, "candidates": flat(candidates)}}

    # Two passes of the whole batch: titles alone; frames and the other texts.
    titles = batch_of([row_of(row, fields_of(row)[0]) for row in range(B)], torch.zeros(B, FR, DV), [0] * B)
    others = batch_of([row_of(row, *fields_of(row)[1:]) for row in range(B)], frames_of(SHOWN), SHOWN)
    pooled = []
    for half in (others, titles):
        text, frames, _ = encode(half, "text first")
        pooled.append(F.normalize(mean(text, frames, half)))
    logits = pooled[0] @ pooled[1].T
    own = torch.arange(B)
    results["ftc"] = of(logits, F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own))
    loss = {name: result["loss"] for name, result in results.items()}
    total = loss["mlm"] + loss["mfm"] / 2 + loss["ftm"] + loss["ftc"] + loss["mmm text"] + loss["mmm frames"] / 2
    spans = [[len(part) for part in fields_of(row)] for row in range(B)]
    return {"whole": {**told(whole), "lengths": spans}, "mmm": mmm, "shared": shared, "results": results, "total": total}


def objectives():
    with torch.no_grad():
        for name, encode in (("single", single_stream), ("double", double_stream)):
            write("pretrain-tasks", f"originals-{name}.json", {
                "aiac-cls": aiac(encode, "addcls", "cls"), "aiac-mean": aiac(encode, "nocls", "mean"), "wbdc": wbdc(encode),
            })
