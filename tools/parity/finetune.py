"""Finetuning losses by PyTorch."""
import torch
import torch.nn.functional as F
from sentence_transformers.sentence_transformer.losses import CoSENTLoss, MultipleNegativesRankingLoss
from common import flat, wave, write


def loss_case(loss, **leaves):
    loss.backward()
    return {"loss": loss.item(), "gradients": {name: flat(x.grad) for name, x in leaves.items()}}


def smoothing():
    x = wave((3, 7), 0.5, 2.0).requires_grad_()
    return loss_case(F.cross_entropy(x, torch.tensor([2, 0, 6]), label_smoothing=0.1), logits=x)


def soft():
    x = wave((3, 7), 0.5, 2.0).requires_grad_()
    return loss_case(F.cross_entropy(x, torch.softmax(wave((3, 7), 1.5, 3.0), 1)), logits=x)


def mixed():
    """A class with smoothing, a teacher's opinion, and weights."""
    x = wave((3, 7), 0.5, 2.0).requires_grad_()
    smooth = torch.full((3, 7), 0.1 / 7)
    smooth[0, 2] += 0.9
    smooth[2, 6] += 0.9
    smooth[1] = torch.softmax(wave((7,), 1.5, 3.0), 0)
    weights = torch.tensor([1.0, 0.25, 2.0])
    loss = F.cross_entropy(x, smooth, reduction="none")
    return loss_case((loss * weights).sum() / weights.sum(), logits=x)


def r_drop():
    """As https://github.com/dropreg/R-Drop: cross entropies averaged, both divergences averaged."""
    left, right = wave((3, 7), 0.5, 2.0).requires_grad_(), wave((3, 7), 0.9, 2.5).requires_grad_()
    labels, p, q = torch.tensor([2, 0, 6]), F.log_softmax(left, 1), F.log_softmax(right, 1)
    truth = 0.5 * (F.cross_entropy(left, labels) + F.cross_entropy(right, labels))
    apart = F.kl_div(p, q.exp(), reduction="batchmean") + F.kl_div(q, p.exp(), reduction="batchmean")
    return loss_case(truth + 4 * apart / 2, left=left, right=right)


def pooled():
    """Outputs of a head, and their gradients, for every pooling; masks are those of tools/encoder-parity.ts."""
    text_mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 2 + [0] * 5])
    frame_mask = torch.tensor([[1, 1, 1, 0, 0], [1] * 5, [0] * 5])
    mask = torch.cat([text_mask, frame_mask], 1)[:, :, None].float()
    mean = lambda x, m: (x * m).sum(1) / m.sum(1).clamp(min=1)

    def attention(states, text, frames, cls):
        scores = states @ wave((7, 1), 7, 1.0) + wave((1,), 8, 1.0)
        return (torch.softmax(scores.masked_fill(mask == 0, float("-inf")), 1) * states).sum(1)

    def attention_tanh(states, text, frames, cls):
        """Linear, tanh, Linear, as QQ's jobs 4 and 5; padding masked."""
        scores = torch.tanh(states @ wave((7, 7), 9, 1.0) + wave((7,), 10, 1.0)) @ wave((7, 1), 7, 1.0) + wave((1,), 8, 1.0)
        return (torch.softmax(scores.masked_fill(mask == 0, float("-inf")), 1) * states).sum(1)

    poolings = {
        "mean": lambda states, text, frames, cls: mean(states, mask),
        "both": lambda states, text, frames, cls: torch.cat([mean(text, mask[:, :7]), mean(frames, mask[:, 7:])], 1),
        "cls": lambda states, text, frames, cls: cls,
        "attention": attention,
        "attention-tanh": attention_tanh,
    }
    cases = {}
    for name, pooling in poolings.items():
        text, frames, cls = [wave(shape, phase, 1.0).requires_grad_() for shape, phase in [((3, 7, 7), 1), ((3, 5, 7), 2), ((3, 7), 3)]]
        x = pooling(torch.cat([text, frames], 1), text, frames, cls)
        output = x @ wave((x.shape[1], 5), 5, 1.0) + wave((5,), 6, 1.0)
        (output * wave((3, 5), 4, 1.0)).sum().backward()
        leaves = {"text": text, "frames": frames, "cls": cls}
        cases[name] = {"output": flat(output), **{key: flat(x.grad) for key, x in leaves.items() if x.grad is not None}}
    return cases


def similarity():
    left, right = wave((3, 7), 0.5, 1.0).requires_grad_(), wave((3, 7), 2.5, 1.0).requires_grad_()
    cosine = F.cosine_similarity(left, right)
    return loss_case(F.mse_loss(cosine, torch.tensor([0.2, 0.9, 0.5])), left=left, right=right)


def asymmetric(positive, negative, clip):
    """Ridnik et al., arXiv 2009.14119, equations 4 to 7, by autograd; the mean over all labels."""
    x = wave((3, 7), 0.5, 3.0).requires_grad_()
    truth = (wave((3, 7), 1.5, 1.0) > 0.6).float()
    p = torch.sigmoid(x)
    moved = (p - clip).clamp(min=0)
    right = (1 - p) ** positive * F.logsigmoid(x)
    wrong = moved**negative * torch.log1p(-moved)
    return loss_case(-(truth * right + (1 - truth) * wrong).mean(), logits=x)


def cosent(labels):
    """sentence-transformers' own loss of two lists of embeddings; 20 is its scale."""
    left, right = wave((5, 7), 0.5, 1.0).requires_grad_(), wave((5, 7), 2.5, 1.0).requires_grad_()
    loss = CoSENTLoss(None, scale=20.0).compute_loss_from_embeddings([left, right], torch.tensor(labels))
    return {"cosines": flat(F.cosine_similarity(left, right)), **loss_case(loss, left=left, right=right)}


def ranking():
    """sentence-transformers' in-batch negatives with a hard negative each; 20 is its scale."""
    left, right, hard = [wave((5, 7), phase, 1.0).requires_grad_() for phase in (0.5, 2.5, 4.5)]
    loss = MultipleNegativesRankingLoss(None, scale=20.0).compute_loss_from_embeddings([left, right, hard], None)
    return loss_case(loss, left=left, right=right, hard=hard)


def binary():
    x = wave((3, 7), 0.5, 3.0).requires_grad_()
    return loss_case(F.binary_cross_entropy_with_logits(x, (wave((3, 7), 1.5, 1.0) > 0.6).float()), logits=x)


write("finetune", "finetune.json", {
    "cosent": cosent([0.2, 0.9, 0.5, 0.5, 0.0]), "cosentEqual": cosent([0.5] * 5),
    "ranking": ranking(),
    "asymmetric": asymmetric(0, 4, 0.05), "asymmetricBoth": asymmetric(1, 2, 0), "binary": binary(),

    "smoothing": smoothing(), "soft": soft(), "mixed": mixed(), "rDrop": r_drop(), "similarity": similarity(),
    "pooled": pooled(),
})
