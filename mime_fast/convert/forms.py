"""How the published code names what we name otherwise, one form for each system."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from mime_fast.systems.mime import Mime
from mime_fast.systems.moel import Moel
from mime_fast.systems.multi_tr import MultiTr

# Our names to the authors', applied in this order, behind those of a system.
RENAMES = (
    (r"^embedding\b", "embedding.lut"),
    (r"^output\b", "generator.proj"),
    (r"^context_encoder\b", "encoder"),
    (r"^decoder\.layers\b", "decoder.dec"),
    (r"\blayers\b", "enc"),
    (r"\bcross_attention_norm\b", "layer_norm_mha_enc"),
    (r"^(decoder\..*)\battention_norm\b", r"\1layer_norm_mha_dec"),
    (r"\battention_norm\b", "layer_norm_mha"),
    (r"\bfeed_forward_norm\b", "layer_norm_ffn"),
    (r"\.norm\b", ".layer_norm"),
    (r"\b(layer_norm\w*)\.weight$", r"\1.gamma"),
    (r"\b(layer_norm\w*)\.bias$", r"\1.beta"),
    (r"\battention\.(query|key|value|output)\b", r"attention.\1_linear"),
    (r"\bcross_attention\.(query|key|value|output)\b", r"cross_attention.\1_linear"),
    (r"\bcross_attention\b", "multi_head_attention_enc_dec"),
    (r"^(decoder\..*)\battention\b", r"\1multi_head_attention_dec"),
    (r"\battention\b", "multi_head_attention"),
    (r"\bfeed_forward\b", "positionwise_feed_forward"),
    (r"\binner\b", "layers.0.conv"),
    (r"\bouter\b", "layers.1.conv"),
    (r"\bprojection\b", "embedding_proj"),
)
RENAMES_OF_MIME = (
    (r"^emotion_embedding\b", "emoji_embedding"),
    (r"^emotion_classifier\b", "s_weight"),
    (r"^fusion\.gate\b", "cdecoder.fc1"),
    (r"^fusion\.output\b", "cdecoder.fc2"),
    (r"^response_emotions\b", "vae_sampler"),
    (r"\b(prior|posterior)\.(positive|negative)_mean\b", r"mu_\1_\2"),
    (r"\b(prior|posterior)\.(positive|negative)_log_variance\b", r"logvar_\1_\2"),
    (r"\b(positive|negative)_mixture\b", r"Dense_z_prior_\1"),
    (r"\bprior_hidden\b", "h_prior"),
    (r"\bposterior_positive_hidden\b", "h_posterior_postive"),  # their spelling
    (r"\bposterior_negative_hidden\b", "h_posterior_negative"),
    (r"^response_encoder\b", "emotion_input_encoder_1.enc"),
    (r"^non_mimicking_response_encoder\b", "emotion_input_encoder_2.enc"),
)
RENAMES_OF_MOEL = (
    (r"^emotion_classifier\b", "decoder_key"),
    (r"^decoder\.shared_listener\b", "decoder.basic"),
    (r"^decoder\.listeners\b", "decoder.experts"),
)

# Options of theirs that build another model, by the names that give them away.
UNSUPPORTED = (
    (r"cdecoder\.(?!fc[12]\.)", "emo_combine=att"),
    (r"emotion_input_encoder_[12]\.enc\.dec\.", "emo_input=cross_att"),
    (r"(encoder|emotion_input_encoder_[12]\.enc)\.enc\.(?!\d+\.)", "universal"),
)

# Options that the shape of a tensor shows: our name of it, and the axis.
SIZES = {
    "vocab_size": ("embedding.weight", 0),
    "hidden_dim": ("embedding.weight", 1),
    "key_dim": ("context_encoder.layers.0.attention.query.weight", 0),
    "filter_dim": ("context_encoder.layers.0.feed_forward.inner.bias", 0),
}


@dataclass(frozen=True)
class Form:
    """A system as its authors' code writes it."""

    architecture: str
    title: str
    repository: str
    renames: tuple[tuple[str, str], ...]
    # In every state dict of theirs, and never used (pointer_gen aside): they get no gradient.
    leftovers: tuple[str, ...]
    sizes: dict[str, tuple[str, int]] = field(default_factory=lambda: SIZES)
    options: dict[str, Any] = field(default_factory=lambda: {"objective": "released"})
    unshown: tuple[str, ...] = ()  # options of the system that no tensor shows

    def name(self, ours: str) -> str:
        """The authors' name of one of our modules or parameters."""
        for pattern, replacement in (*self.renames, *RENAMES):
            ours = re.sub(pattern, replacement, ours)
        return ours


MIME = Form(
    architecture=Mime.name,
    title="MIME",
    repository="declare-lab/MIME",
    renames=RENAMES_OF_MIME,
    leftovers=(
        "decoder_key",
        "e_weight",
        "generator.p_gen_linear",
        "vae_sampler.Dense_z_posterior_negative",
        "vae_sampler.Dense_z_posterior_positive",
        "vae_sampler.logvar_posterior_negative",
        "vae_sampler.logvar_prior_negative",
    ),
    sizes={**SIZES, "latent_dim": ("response_emotions.prior.positive_mean.bias", 0)},
    # Where the released code departs from the paper, see ModelConfig.
    options={
        "shared_log_variance": True,
        "shared_response_encoder": False,
        "objective": "released",
    },
)
MOEL = Form(
    architecture=Moel.name,
    title="MoEL",
    repository="HLTCHKUST/MoEL",
    renames=RENAMES_OF_MOEL,
    leftovers=("emoji_embedding", "generator.p_gen_linear"),
    unshown=("top_listeners",),
)
MULTI_TR = Form(
    architecture=MultiTr.name,
    title="multitask Transformer",
    repository="HLTCHKUST/MoEL",
    renames=RENAMES_OF_MOEL,
    leftovers=("emoji_embedding", "generator.p_gen_linear"),
)


def recognise(names: Collection[str]) -> Form:
    """Return the model that a state dict is of: MIME, unless a name says otherwise."""
    if any(name.startswith("decoder.experts.") for name in names):
        return MOEL
    of_mime = ("vae_sampler.", "s_weight.", "emotion_input_encoder_", "cdecoder.")
    is_mime = any(name.startswith(of_mime) for name in names)
    return MIME if is_mime or "decoder_key.weight" not in names else MULTI_TR
