"""ModelConfig and GenerationConfig: frozen, validated, JSON round trip, unknown key = error."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Self

from mime_fast.emotions import EMOTIONS, emotion_id
from mime_fast.models import SYSTEMS


class Config:
    """What both configs share: building from a mapping without dropping a key."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from a mapping; an unknown key is a ValueError that names it."""
        cls._check_known(values)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """A mapping that from_dict turns back into an equal config."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def replace(self, **changes: Any) -> Self:
        """A copy with some options changed; an unknown one is a ValueError that names it."""
        self._check_known(changes)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def _check_known(cls, values: dict[str, Any]) -> None:
        known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"unknown {cls.__name__} option {', '.join(map(repr, unknown))}; "
                f"known: {', '.join(sorted(known))}"
            )


def require(condition: bool, message: str) -> None:
    """Raise ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def require_int(config: Config, *names: str, least: int, most: int | None = None) -> None:
    """Each named field is an integer (no bool) in [least, most]."""
    for name in names:
        value = getattr(config, name)
        is_int = isinstance(value, Integral) and not isinstance(value, bool)
        wanted = f"an integer >= {least}" if most is None else f"an integer in [{least}, {most}]"
        inside = is_int and value >= least and (most is None or value <= most)
        require(inside, f"{name} must be {wanted}, got {value!r}")
        object.__setattr__(config, name, int(value))  # numpy's numbers are not JSON's


def require_number(config: Config, name: str, condition: str, low: float, high: float) -> None:
    """The named field is a number in [low, high], which `condition` says in words."""
    value = getattr(config, name)
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    require(is_number and low <= value <= high, f"{name} must be {condition}, got {value!r}")
    if not isinstance(value, int):
        object.__setattr__(config, name, float(value))


def require_bool(config: Config, *names: str) -> None:
    """Each named field is a bool."""
    for name in names:
        value = getattr(config, name)
        require(isinstance(value, bool), f"{name} must be true or false, got {value!r}")


LARGEST = 2**20  # of a width or a vocabulary: a hostile config must not exhaust the memory


def _of(system: str, default: Any) -> Any:
    """An option of one system, which the others must leave at its default."""
    return field(default=default, metadata={"system": system})


ABLATIONS = ("grouping", "mimicry", "stochastic", "share_emotion_embedding")


def _check_architecture(architecture: object) -> None:
    require(
        architecture in tuple(SYSTEMS),  # anything may be compared, not all hashed
        f"architecture must be one of {', '.join(SYSTEMS)} (those that this version of mime_fast "
        f"has), got {architecture!r}",
    )


@dataclass(frozen=True)
class ModelConfig(Config):
    """The shape of a model. Defaults: MIME with its paper's sizes and its paper's equations.

    The authors' code of MIME departs from their paper in two places that a checkpoint depends on:
    `shared_log_variance` (Eq. 7-15: their code uses the positive group's for both) and
    `shared_response_encoder` (Eq. 22-23: one encoder in the paper, two in their code).
    The last options of MIME are its ablations (the paper's Tables 3 and 5).
    """

    vocab_size: int
    architecture: str = "mime"  # a key of models.SYSTEMS
    hidden_dim: int = 300
    num_heads: int = 2
    key_dim: int = 40  # all heads together
    filter_dim: int = 50
    num_layers: int = 1  # of each encoder and of the decoder
    max_positions: int = 1000
    dropout: float = 0.0
    tie_embeddings: bool = False
    mean_query: bool = False  # emotion query: mean over positions instead of the CLS position
    objective: str = "cvae"  # "released": the authors' loss; MIME's posterior reads the context
    padding_leak: bool = False  # for golden tests only: convolutions see padding

    latent_dim: int = _of("mime", 300)
    shared_log_variance: bool = _of("mime", False)
    shared_response_encoder: bool = _of("mime", True)
    mimicry: bool = _of("mime", True)  # False: the positive group always comes first
    grouping: bool = _of("mime", True)  # False: one distribution over all emotions, no mimicry
    stochastic: bool = _of("mime", True)  # False: the mean of z, in training too
    share_emotion_embedding: bool = _of("mime", True)  # False: the classifier has its own
    top_listeners: int = _of("moel", 5)  # that speak, as in the published runs; 0: all

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """See Config.from_dict; an unknown architecture is named before its options are."""
        _check_architecture(values.get("architecture", cls.architecture))
        return super().from_dict(values)

    def __post_init__(self) -> None:
        _check_architecture(self.architecture)
        require_int(self, "vocab_size", least=8, most=LARGEST)
        require_int(self, "hidden_dim", least=4, most=LARGEST)
        require_int(self, "num_heads", "key_dim", "filter_dim", "latent_dim", least=1, most=LARGEST)
        require_int(self, "num_layers", least=1, most=100)
        require_int(self, "max_positions", least=2, most=100_000)
        require_int(self, "top_listeners", least=0, most=len(EMOTIONS))
        require(
            self.key_dim % self.num_heads == 0,
            f"key_dim must be a multiple of num_heads ({self.num_heads}), got {self.key_dim}",
        )
        require_number(self, "dropout", "in [0, 1)", 0.0, 1 - 2**-53)
        flags = [f.name for f in dataclasses.fields(self) if f.type == "bool"]
        require_bool(self, *flags)
        require(
            self.objective in ("cvae", "released"),
            f"objective must be 'cvae' or 'released', got {self.objective!r}",
        )
        self._check_system()

    def _check_system(self) -> None:
        for option in self._foreign():
            value = getattr(self, option.name)
            require(
                value == option.default,
                f"{option.name}={value!r} is an option of {option.metadata['system']}, "
                f"and the architecture is {self.architecture}; leave it out",
            )
        if not self.grouping:
            object.__setattr__(self, "mimicry", False)  # there is nothing to tell apart
            require(
                self.shared_response_encoder and not self.shared_log_variance,
                "grouping=False has one encoder and one log-variance; "
                "leave out shared_response_encoder and shared_log_variance",
            )

    def _foreign(self) -> list[dataclasses.Field[Any]]:
        own = (None, self.architecture)
        return [f for f in dataclasses.fields(self) if f.metadata.get("system") not in own]

    def to_dict(self) -> dict[str, Any]:
        """See Config.to_dict; options of other systems are left out."""
        foreign = {option.name for option in self._foreign()}
        return {name: value for name, value in super().to_dict().items() if name not in foreign}

    @property
    def latents(self) -> int:
        """Noise vectors that a request needs: one for each group of emotions that is sampled."""
        if self.architecture != "mime" or not self.stochastic:
            return 0
        return 2 if self.grouping else 1

    @property
    def mimics(self) -> bool:
        """Whether the reply depends on the polarity of the speaker's emotion."""
        return self.architecture == "mime" and self.mimicry

    @property
    def reads_emotion(self) -> bool:
        """Whether the reply depends on the speaker's emotion, so that forcing one means a thing."""
        if self.architecture == "mime":
            return self.mimics  # its ablations without mimicry do not
        return SYSTEMS[self.architecture].reads_emotion


INFINITY = float("inf")


# Options of sampling, as they are where nothing is sampled.
SAMPLING_OFF = {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "mbr_samples": 0}


@dataclass(frozen=True)
class GenerationConfig(Config):
    """How a reply is chosen. Names and meanings follow transformers, vLLM and CTranslate2."""

    max_new_tokens: int = 50
    min_new_tokens: int = 1
    num_beams: int = 1
    length_penalty: float = 1.0  # scores are divided by length to this power; 0: the plain sum
    early_stopping: bool = True
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0  # 0: off
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0  # 0: off
    num_return_sequences: int = 1
    mbr_samples: int = 0  # drawn, and ranked by what they agree on (minimum Bayes risk); 0: off
    return_scores: bool = False
    speculation: bool = True  # greedy: verified drafts, the same tokens in fewer steps
    seed: int | None = None  # None: one is drawn and reported in the Response
    stochastic_emotion: bool = True  # False: the means of the emotion distributions
    emotion: str | None = None  # force the speaker's emotion

    def __post_init__(self) -> None:
        self._check_ranges()
        self._check_combinations()

    def _check_ranges(self) -> None:
        require_int(self, "max_new_tokens", least=1)
        require_int(self, "num_beams", least=1, most=1000)
        require_int(self, "num_return_sequences", least=1, most=10_000)
        require_int(self, "mbr_samples", least=0, most=1000)
        require_int(self, "min_new_tokens", "top_k", "no_repeat_ngram_size", least=0)
        require_number(self, "length_penalty", "a number in [-10, 10]", -10.0, 10.0)
        require_number(self, "temperature", "in [0.01, 100]", 0.01, 100.0)
        require_number(self, "top_p", "in (0, 1]", 5e-324, 1.0)
        require_number(self, "min_p", "in [0, 1]", 0.0, 1.0)
        require_number(self, "repetition_penalty", "in [0.01, 100]", 0.01, 100.0)
        require_bool(
            self,
            "early_stopping",
            "do_sample",
            "return_scores",
            "speculation",
            "stochastic_emotion",
        )
        if self.seed is not None:
            require_int(self, "seed", least=0)
            require(self.seed < 2**64, f"seed must be below 2**64, got {self.seed}")
        if self.emotion is not None:
            emotion_id(self.emotion)

    def _check_combinations(self) -> None:
        require(
            self.min_new_tokens <= self.max_new_tokens,
            f"min_new_tokens ({self.min_new_tokens}) must not exceed "
            f"max_new_tokens ({self.max_new_tokens})",
        )
        require(
            not (self.do_sample and self.num_beams > 1),
            f"do_sample does not go with num_beams={self.num_beams}; use one of the two",
        )
        if not self.do_sample:
            for name, off in SAMPLING_OFF.items():
                value = getattr(self, name)
                require(value == off, f"{name}={value} needs do_sample=True (--sample)")
            require(
                self.num_return_sequences <= self.num_beams,
                f"num_return_sequences={self.num_return_sequences} needs do_sample=True "
                f"or num_beams >= {self.num_return_sequences}",
            )
        require(
            not self.mbr_samples or self.num_return_sequences <= self.mbr_samples,
            f"num_return_sequences ({self.num_return_sequences}) must not exceed "
            f"mbr_samples ({self.mbr_samples})",
        )

    @property
    def num_sequences(self) -> int:
        """How many a request decodes without a beam; more than it returns where they are ranked."""
        return self.mbr_samples or self.num_return_sequences

    @property
    def needs_scores(self) -> bool:
        """Log-probabilities cost a pass over the vocabulary; only these callers pay for them."""
        return self.return_scores or self.num_return_sequences > 1 or self.num_beams > 1
