"""The slow twin of each kernel: same signature, plain torch, any device. They define right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mime_fast.kernels.attend_rows import Rotation
from mime_fast.kernels.begin_step import StepInputs
from mime_fast.kernels.decode_step import DecoderWeights
from mime_fast.kernels.emotions import Emotions, EmotionWeights
from mime_fast.kernels.layer_norm import Norm
from mime_fast.kernels.linear import Matrix, Second
from mime_fast.kernels.project import Best
from mime_fast.kernels.replies import Replies
from mime_fast.kernels.row_caches import Caches, LlamaCaches
from mime_fast.kernels.row_groups import GroupProgress


def _visible(lengths: Tensor, length: int) -> Tensor:
    """(batch, length, 1): True within each sequence."""
    return (torch.arange(length, device=lengths.device) < lengths[:, None])[:, :, None]


def embed(
    tokens: Tensor,
    speakers: Tensor,
    lengths: Tensor,
    words: Tensor,
    spoken: Tensor,
    timing: Tensor,
    scale: Tensor | None = None,
) -> Tensor:
    """Words, speakers and positions, added (kernels/embed.py); rows beyond a sequence are 0."""
    read = _scaled(words, scale)[tokens]
    x = read + spoken.float()[speakers] + timing[: tokens.shape[1]]
    return x.where(_visible(lengths, tokens.shape[1]), 0)


def _scaled(weight: Tensor, scale: Tensor | None) -> Tensor:
    """A matrix in float32; the scales are of its rows."""
    return weight.float() if scale is None else weight.float() * scale.unsqueeze(-1)


def layer_norm(x: Tensor, norm: Norm, lengths: Tensor, out: Tensor | None = None) -> Tensor:
    """Each row centred, divided by its deviation, scaled and shifted (kernels/layer_norm.py).

    Rows beyond a sequence are 0, or as `out` has them.
    """
    roles = len(x) // len(lengths)
    y = _norm(x.unflatten(0, (roles, -1)), _of_roles(norm)).flatten(0, 1)
    if out is not None and out.dim() == 4:
        parts = zip(y.unflatten(0, (roles, -1)), out, strict=True)
        return torch.cat([_within(part, lengths, to) for part, to in parts])
    return _within(y, lengths, out)


def _of_roles(norm: Norm) -> Norm:
    """Scales and shifts that rows (roles, requests, length, dim) can be multiplied by."""
    shape = (-1, 1, 1, norm.gamma.shape[-1])
    beta = None if norm.beta is None else norm.beta.view(shape)
    return Norm(norm.gamma.view(shape), beta, norm.epsilon)


def _within(y: Tensor, lengths: Tensor, out: Tensor | None) -> Tensor:
    visible = _visible(lengths.repeat(len(y) // len(lengths)), y.shape[1])
    return y.where(visible, y.new_zeros(())) if out is None else out.copy_(y.where(visible, out))


def _norm(x: Tensor, norm: Norm) -> Tensor:
    if norm.beta is None:
        assert norm.epsilon is not None  # noqa: S101
        return x * (x.square().mean(-1, keepdim=True) + norm.epsilon).rsqrt() * norm.gamma
    centred = x - x.mean(-1, keepdim=True)
    squares = centred.square().sum(-1, keepdim=True)
    if norm.epsilon is None:
        deviation = (squares / (x.shape[-1] - 1)).sqrt() + 1e-6
    else:
        deviation = (squares / x.shape[-1] + norm.epsilon).sqrt()
    return centred / deviation * norm.gamma + norm.beta


def linear(
    x: Tensor,
    weight: Tensor,
    lengths: Tensor | None,
    *,
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    norm: Norm | None = None,
    residual: Tensor | None = None,
    residual_norm: Norm | None = None,
    activation: str | None = None,
    active_from: int = 0,
    second: Second | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Norm, product of one or three taps, bias, activation and residual (kernels/linear.py).

    Rows beyond a sequence are 0, or as `out` has them.
    """
    length = x.shape[1]
    if lengths is None:
        requests = len(x) // len(weight) if weight.dim() == 4 else len(x)
        lengths = torch.full((requests,), length, dtype=torch.int32, device=x.device)
    requests, whole = len(lengths), weight if weight.dim() == 4 else weight[None]
    entries = 1 if bias is None or bias.dim() == 1 else len(bias)
    roles = max(len(x) // requests, len(whole), entries // requests)
    visible, side = _visible(lengths, length), weight.shape[-2] // 2
    own = x.unflatten(0, (-1, requests)).expand(roles, -1, -1, -1)
    normed = (own if norm is None else _norm(own, _of_roles(norm))).where(visible, 0)
    padded = functional.pad(normed, (0, 0, side, side))
    taps = [padded[:, :, tap : tap + length] for tap in range(weight.shape[-2])]
    factors = whole.float() if scale is None else whole.float() * scale[:, None, None]
    y = torch.einsum("trblk,rctk->rblc", torch.stack(taps), factors.expand(roles, -1, -1, -1))
    if bias is not None:
        by_role = bias.dim() == 2 and len(bias) == len(whole) and len(bias) != roles * requests
        y = y + (bias[:, None, None] if by_role else _own_bias(bias, roles))
    y = _activate(y, own, activation, active_from).flatten(0, 1)
    if residual is not None:
        added = residual if residual_norm is None else _norm(residual, residual_norm)
        y = y + added[:, :length].repeat(len(y) // len(residual), 1, 1)
    if second is not None:
        y, rest = y.split([y.shape[-1] - second.to.shape[1], second.to.shape[1]], -1)
        stored = (second.places >= 0) & _visible(lengths, length).flatten()
        second.to[second.places[stored].long()] = rest.flatten(0, 1)[stored]
    return _within(y, lengths, out)


def _own_bias(bias: Tensor, roles: int) -> Tensor:
    """(columns,) or (roles * requests, columns), as rows (roles, requests, length, columns)."""
    return bias if bias.dim() == 1 else bias.unflatten(0, (roles, -1))[:, :, None]


def _activate(y: Tensor, x: Tensor, activation: str | None, active_from: int) -> Tensor:
    if activation == "relu":
        return torch.cat([y[..., :active_from], y[..., active_from:].relu()], -1)
    if activation == "gelu":
        return functional.gelu(y)
    if activation == "gate":
        return y.sigmoid() * x
    if activation == "swiglu":
        first, last = y.chunk(2, -1)
        return functional.silu(first) * last
    return y


def product(
    x: Tensor,
    weight: Tensor,
    *,
    active: Tensor | None = None,
    residual: Tensor | None = None,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """Rows that are no sequence (kernels/linear.py); those that are not active may be anything."""
    rows = x if x.dim() == 3 else x[None]
    added = None if residual is None else residual[None]
    if active is not None and "second" in options:
        second: Second = options["second"]
        options["second"] = second._replace(places=second.places.where(active == 1, -1))
    found = linear(rows, weight.unsqueeze(-2), None, residual=added, **options)
    found = found if x.dim() == 3 else found[0]
    return found if out is None else out.copy_(found)


def attention(qkv: Tensor, lengths: Tensor, heads: int) -> Tensor:
    """Self-attention of each sequence (kernels/attention.py); rows beyond it are 0."""
    query, key, value = (
        part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1)
    )
    visible = _visible(lengths.repeat(len(qkv) // len(lengths)), qkv.shape[1])
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
    gumbels: Tensor | None = None,
    out: Emotions | None = None,
) -> Emotions:
    """Emotion logits, mixtures, and what they add to the refinements (kernels/emotions.py)."""
    w = weights
    count, (_, latent) = len(w.members), w.mixture.weight.shape
    found = _times(query, w.recognise)
    logits = found[:, :count]
    speaker = torch.where(forced < 0, logits.argmax(-1).int(), forced)
    positive = (speaker[:, None] == w.members[: w.positives]).any(-1)
    hidden = found[:, -len(query[0]) :].relu()
    prior = _times(hidden, w.prior).unflatten(-1, (2, 2, latent))
    z = prior[:, :, 0] + noise * (prior[:, :, 1] / 2).exp()
    both = _times(z, w.mixture)
    groups = [
        both[:, 0, : w.positives].softmax(-1),
        both[:, 1, w.positives :].softmax(-1),
    ]
    table = w.table.float()[w.members.long()]
    felt = torch.stack([groups[0] @ table[: w.positives], groups[1] @ table[w.positives :]])
    roles = felt.where(positive[:, None], felt.flip(0))
    refine = _scaled(w.refine.weight, w.refine.scale).expand(2, -1, -1)
    refinements = torch.einsum("rbd,rcd->rbc", roles, refine)
    if w.refine.bias is not None:
        refinements = refinements + w.refine.bias
    conditioning = None
    if w.intents is not None and gumbels is not None:
        likely = found[:, count : count + gumbels.shape[1]]
        intent = (likely.double() + gumbels).argmax(-1)
        conditioning = _scaled(w.intents.table, w.intents.scale)[intent]
        joined = torch.cat([query, *roles], -1)
        conditioning = conditioning + _times(joined, w.intents.conditioning)
    made = Emotions(logits, torch.cat(groups, -1), positive.int(), refinements, conditioning)
    if out is None:
        return made
    for to, tensor in zip(out, made, strict=True):
        if to is not None and tensor is not None:
            to.copy_(tensor)
    return out


def _times(x: Tensor, matrix: Matrix) -> Tensor:
    """A product with a matrix and its bias."""
    y = x @ _scaled(matrix.weight, matrix.scale).T
    return y if matrix.bias is None else y + matrix.bias


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
        projected = w.qkv[layer].float() @ _norm(x, Norm(*norms[0]))
        query, key_value = projected.split([w.output.shape[2], 2 * w.output.shape[2]])
        c.keys_values[layer, position, row] = key_value
        cached = c.keys_values[layer, times, kv_positions]
        x = x + w.output[layer].float() @ _attend(query, cached, heads)

        query = w.cross_query[layer].float() @ _norm(x, Norm(*norms[1]))
        memory = c.cross[layer, source, : int(c.lengths[source])]
        x = x + w.cross_output[layer].float() @ _attend(query, memory, heads)

        c.inner[layer, position, row] = _norm(x, Norm(*norms[2]))
        window = _window(c.inner[layer, times, kv_positions])
        inner = (w.inner[layer].float() @ window + w.inner_bias[layer]).relu()
        c.outer[layer, position, row] = inner
        window = _window(c.outer[layer, times, kv_positions])
        x = x + (w.outer[layer].float() @ window + w.outer_bias[layer]).relu()
    return _norm(x, Norm(*w.last_norm))


def _attend(query: Tensor, memory: Tensor, heads: int) -> Tensor:
    """Query (key_dim,), memory (entries, 2 * key_dim) -> (key_dim,)."""
    keys, values = (part.unflatten(-1, (heads, -1)) for part in memory.chunk(2, -1))
    own = query.unflatten(-1, (heads, -1))
    weights = (torch.einsum("hw,thw->ht", own, keys) * own.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("ht,thw->hw", weights, values).flatten()


def begin_step(
    replies: Replies, caches: LlamaCaches, words: Tensor, scale: Tensor | None, end_word: int
) -> StepInputs:
    """The newest word of each active row with its conditioning (kernels/begin_step.py)."""
    active, position = _active(replies, end_word), replies.positions.long()
    rows = torch.arange(len(active), device=active.device)
    columns = caches.keys_values.shape[2]
    caches.kv_positions[rows[active], position[active]] = rows[active].int()
    newest = replies.generated[rows, position].long()
    x = _scaled(words, scale)[newest] + caches.conditioning[caches.sources.long()]
    places = (position * columns + rows).where(active, -1)
    return StepInputs(x.where(active[:, None], 0), active.int(), places.int())


def attend_rows(
    query: Tensor,
    memory: Tensor,
    active: Tensor,
    caches: LlamaCaches,
    heads: int,
    own: tuple[Tensor, Rotation] | None = None,
) -> Tensor:
    """Attention of one query a row (kernels/attend_rows.py); 0 where a row has ended."""
    out = torch.zeros_like(query)
    kv_heads = memory.shape[-1] // 2 * heads // query.shape[1]
    for row in active.nonzero().flatten().tolist():
        queries = query[row].unflatten(-1, (heads, -1))
        if own is None:
            source = int(caches.sources[row])
            entries = memory[source, : int(caches.lengths[source])]
        else:
            times = torch.arange(int(own[0][row]) + 1, device=query.device)
            entries = memory[times, caches.kv_positions[row, : len(times)].long()]
        keys, values = (part.unflatten(-1, (kv_heads, -1)) for part in entries.chunk(2, -1))
        if own is not None:
            queries, keys = _rotated(queries, own[1], times[-1:]), _rotated(keys, own[1], times)
        keys, values = (part.repeat_interleave(heads // kv_heads, 1) for part in (keys, values))
        logits = torch.einsum("hw,thw->ht", queries, keys) * queries.shape[-1] ** -0.5
        out[row] = torch.einsum("ht,thw->hw", logits.softmax(-1), values).flatten()
    return out


def _rotated(x: Tensor, rotation: Rotation, positions: Tensor) -> Tensor:
    """Rotate pairs of columns, (..., heads, width); the first ones of all pairs come first."""
    first, second = x.chunk(2, -1)
    cosine, sine = (table[positions][:, None] for table in rotation)
    rotated = torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
    return rotated if x.dim() == 3 else rotated[0]


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
    scale: Tensor | None = None,
    norm: Norm | None = None,
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
    read = hidden.where(active[:, None], 0)
    every = (read if norm is None else _norm(read, norm)) @ _scaled(weight, scale).T + bias
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
