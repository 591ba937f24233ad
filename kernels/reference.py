"""The slow twin of each kernel: same signature, plain torch, any device. They define right."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.kernels.decode_step import DecoderWeights
from mime_fast.kernels.emotions import Emotions, EmotionWeights
from mime_fast.kernels.project import Best
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import Caches
from mime_fast.kernels.row_groups import GroupProgress


def _visible(lengths: Tensor, length: int) -> Tensor:
    """(batch, length, 1): True within each sequence."""
    return (torch.arange(length, device=lengths.device) < lengths[:, None])[:, :, None]


def embed(
    tokens: Tensor, speakers: Tensor, lengths: Tensor, words: Tensor, timing: Tensor
) -> Tensor:
    """Words, speakers and positions, projected and added (kernels/embed.py).

    Rows beyond a sequence are 0.
    """
    x = words.float()[tokens] + words.float()[speakers] + timing[: tokens.shape[1]]
    return x.where(_visible(lengths, tokens.shape[1]), 0)


def layer_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, lengths: Tensor, out: Tensor | None = None
) -> Tensor:
    """Each row centred, divided by its deviation, scaled and shifted (kernels/layer_norm.py).

    Rows beyond a sequence are 0, or as `out` has them.
    """
    return _within(_norm(x, gamma, beta), lengths, out)


def _within(y: Tensor, lengths: Tensor, out: Tensor | None) -> Tensor:
    visible = _visible(lengths, y.shape[1])
    return y.where(visible, y.new_zeros(())) if out is None else out.copy_(y.where(visible, out))


def _norm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    deviation = (centred.square().sum(-1, keepdim=True) / (x.shape[-1] - 1)).sqrt()
    return centred / (deviation + 1e-6) * gamma + beta


def linear(
    x: Tensor,
    weight: Tensor,
    lengths: Tensor,
    *,
    bias: Tensor | None = None,
    norm: tuple[Tensor, Tensor] | None = None,
    residual: Tensor | None = None,
    relu: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Norm, product of one or three taps, bias, ReLU and residual (kernels/linear.py).

    Rows beyond a sequence are 0, or as `out` has them.
    """
    visible, side = _visible(lengths, x.shape[1]), weight.shape[1] // 2
    normed = (x if norm is None else _norm(x, *norm)).where(visible, 0)
    padded = functional.pad(normed, (0, 0, side, side))
    taps = [padded[:, tap : tap + x.shape[1]] for tap in range(weight.shape[1])]
    y = torch.einsum("tblk,ctk->blc", torch.stack(taps), weight.float())
    if bias is not None:
        y = y + (bias if bias.dim() == 1 else bias[:, None])
    if relu:
        y = y.relu()
    if residual is not None:
        y = y + residual[:, : x.shape[1]]
    return _within(y, lengths, out)


def attention(qkv: Tensor, lengths: Tensor, heads: int) -> Tensor:
    """Self-attention of each sequence (kernels/attention.py); rows beyond it are 0."""
    query, key, value = (
        part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1)
    )
    visible = _visible(lengths, qkv.shape[1])
    logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    weights = logits.masked_fill(~visible[:, None, None, :, 0], -torch.inf).softmax(-1)
    mixed = weights @ value.where(visible[:, None], 0)
    return mixed.transpose(1, 2).flatten(2).where(visible, 0)


def fusion(
    both: Tensor,
    gate: Tensor,
    gate_bias: Tensor,
    output: Tensor,
    output_bias: Tensor,
    lengths: Tensor,
    arrived: Tensor | None = None,  # noqa: ARG001
) -> Tensor:
    """The gate that fuses both refinements (Eq. 24-27, kernels/fusion.py).

    Rows beyond a sequence are 0.
    """
    gated = (both @ gate.float().T + gate_bias).sigmoid() * both
    fused = gated @ output.float().T + output_bias
    return fused.where(_visible(lengths, both.shape[1]), 0)


def emotions(
    query: Tensor,
    noise: Tensor,
    forced: Tensor,
    weights: EmotionWeights,
    out: Emotions | None = None,
) -> Emotions:
    """Emotion logits, mixtures, and what they add to the refinements (kernels/emotions.py)."""
    w = weights
    logits = query @ w.classifier.float().T
    speaker = torch.where(forced < 0, logits.argmax(-1).int(), forced)
    positive = (speaker[:, None] == w.members[: w.positives]).any(-1)
    hidden = (query @ w.prior_hidden.float().T + w.prior_hidden_bias).relu()
    prior = torch.einsum("bd,gpld->bgpl", hidden, w.prior.float()) + w.prior_bias
    z = prior[:, :, 0] + noise * (prior[:, :, 1] / 2).exp()
    both = torch.einsum("bgl,el->bge", z, w.mixture.float()) + w.mixture_bias
    groups = [
        both[:, 0, : w.positives].softmax(-1),
        both[:, 1, w.positives :].softmax(-1),
    ]
    table = w.table.float()[w.members.long()]
    felt = torch.stack([groups[0] @ table[: w.positives], groups[1] @ table[w.positives :]])
    roles = felt.where(positive[:, None], felt.flip(0))
    refinements = torch.einsum("rbd,rcd->rbc", roles, w.refine.float())
    found = Emotions(logits, torch.cat(groups, -1), positive.int(), refinements)
    if out is None:
        return found
    return Emotions(*(to.copy_(tensor) for to, tensor in zip(out, found, strict=True)))


def _active(replies: Replies, end_word: int) -> Tensor:
    newest = replies.generated.gather(1, replies.positions[:, None].long())[:, 0]
    return (newest != end_word) & (replies.positions < replies.limits[:, 0])


def decode_step(
    replies: Replies,
    caches: Caches,
    weights: DecoderWeights,
    heads: int,
    end_word: int,
    group: int = 1,  # noqa: ARG001 - what came before a row is there
    progress: GroupProgress | None = None,  # noqa: ARG001
) -> Tensor:
    """The decoder's hidden vector of each row's newest word (kernels/decode_step.py).

    One row is decoded after the other; the vector is 0 where a reply has ended.
    """
    generated = replies.generated
    hidden = torch.zeros(len(generated), weights.output.shape[1], device=generated.device)
    for row in _active(replies, end_word).nonzero().flatten().tolist():
        hidden[row] = _decode_row(row, replies, caches, weights, heads)
    return hidden


def _decode_row(
    row: int, replies: Replies, caches: Caches, weights: DecoderWeights, heads: int
) -> Tensor:
    w, c, position = weights, caches, int(replies.positions[row])
    source = int(c.sources[row])
    c.kv_positions[row, position] = row
    times = torch.arange(position + 1, device=c.kv_positions.device)
    kv_positions = c.kv_positions[row, : position + 1].long()
    x = w.words[replies.generated[row, position]].float() + w.timing[position]
    for layer in range(len(w.qkv)):
        norms = w.norms[layer]
        projected = w.qkv[layer].float() @ _norm(x, *norms[0])
        query, key_value = projected.split([w.output.shape[2], 2 * w.output.shape[2]])
        c.keys_values[layer, position, row] = key_value
        cached = c.keys_values[layer, times, kv_positions]
        x = x + w.output[layer].float() @ _attend(query, cached, heads)

        query = w.cross_query[layer].float() @ _norm(x, *norms[1])
        memory = c.cross[layer, source, : int(c.lengths[source])]
        x = x + w.cross_output[layer].float() @ _attend(query, memory, heads)

        c.inner[layer, position, row] = _norm(x, *norms[2])
        window = _window(c.inner[layer, times, kv_positions])
        inner = (w.inner[layer].float() @ window + w.inner_bias[layer]).relu()
        c.outer[layer, position, row] = inner
        window = _window(c.outer[layer, times, kv_positions])
        x = x + (w.outer[layer].float() @ window + w.outer_bias[layer]).relu()
    return _norm(x, *w.last_norm)


def _attend(query: Tensor, memory: Tensor, heads: int) -> Tensor:
    """Query (key_dim,), memory (entries, 2 * key_dim) -> (key_dim,)."""
    keys, values = (part.unflatten(-1, (heads, -1)) for part in memory.chunk(2, -1))
    own = query.unflatten(-1, (heads, -1))
    weights = (torch.einsum("hw,thw->ht", own, keys) * own.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("ht,thw->hw", weights, values).flatten()


def _window(entries: Tensor) -> Tensor:
    """The newest three of (entries, size) side by side; zeros before the first one."""
    return functional.pad(entries, (0, 0, 2, 0))[-3:].flatten()


def project(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    replies: Replies,
    *,
    end_word: int,
    kept: int = 1,
    constrained: bool = False,
    logits: Tensor | None = None,
    log_probs: Tensor | None = None,
    arrived: Tensor | None = None,  # noqa: ARG001
) -> Best:
    """The best words and the log-partition of each row (kernels/project.py).

    Those of rows that have ended may be anything.
    """
    active = _active(replies, end_word)
    every = hidden.where(active[:, None], 0) @ weight.float().T + bias
    if constrained:
        for row in active.nonzero().flatten().tolist():
            _constrain(every[row], row, replies, end_word)
    every[replies.positions < replies.limits[:, 1], end_word] = -torch.inf
    ranked = functional.pad(every, (0, kept), value=-torch.inf)  # there may be fewer words
    order = ranked.argsort(dim=-1, descending=True, stable=True)[:, :kept]
    best = ranked.gather(1, order)
    words = order.masked_fill(best == -torch.inf, end_word).int()
    ends = best[:, 0] == -torch.inf
    best[ends, 0] = 0
    log_partitions = every.logsumexp(-1).masked_fill(ends, 0)
    if logits is not None:
        logits[active] = every[active]
    if log_probs is not None:
        at = replies.positions[active].long()
        log_probs[active, at] = (best[active, 0] - log_partitions[active]).clamp(max=0)
        replies.generated[active, at + 1] = words[active, 0]
        replies.positions[active] += 1
    return Best(words, best, log_partitions)


def _constrain(logits: Tensor, row: int, replies: Replies, end_word: int) -> None:
    """Apply the constraints to a row in place, as csrc/search/constraints.cc does."""
    generated = replies.generated[row, 1 : int(replies.positions[row]) + 1].tolist()
    for word in set(generated):
        penalty = replies.penalties[row]
        logits[word] = logits[word] / penalty if logits[word] > 0 else logits[word] * penalty
    size = int(replies.limits[row, 2])
    for end in range(size, len(generated) + 1) if size else ():
        *start, word = generated[end - size : end]
        if start == generated[len(generated) - size + 1 :] and word != end_word:
            logits[word] = -torch.inf
