"""ModelConfig: the shape of a model and the options of its system."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import MISSING, dataclass
from typing import Any, Self

from mime_fast.config.base import Config, require
from mime_fast.options import Entry, option, table
from mime_fast.systems import SYSTEMS
from mime_fast.systems.base import System
from mime_fast.systems.mime import Mime, MimeOptions
from mime_fast.systems.mime_base import MimeBaseOptions
from mime_fast.systems.moel import MoelOptions


def _check_architecture(architecture: object) -> None:
    require(
        architecture in tuple(SYSTEMS),  # anything may be compared, not all hashed
        f"architecture must be one of {', '.join(SYSTEMS)} (those that this version of mime_fast "
        f"has), got {architecture!r}",
    )


@dataclass(frozen=True)
class ModelShape(Config):
    """Options that all systems have. Defaults: the sizes of MIME's paper."""

    vocab_size: int = option(MISSING, "Words and special ids.", within="[8, 2**20]", exposed=False)
    architecture: str = option(
        Mime.name, "The system.", choices=tuple(SYSTEMS), flags=("--model",), group="Model"
    )
    hidden_dim: int = option(300, "Width of the model.", within="[4, 2**20]", group="Model")
    num_heads: int = option(2, "Attention heads.", within="[1, 2**20]", group="Model")
    key_dim: int = option(40, "Width of all heads together.", within="[1, 2**20]", group="Model")
    filter_dim: int = option(50, "Width of the feed-forward.", within="[1, 2**20]", group="Model")
    num_layers: int = option(
        1, "Layers of each encoder and the decoder.", within="[1, 100]", group="Model"
    )
    max_positions: int = option(1000, "Longest context.", within="[2, 100000]", exposed=False)
    dropout: float = option(
        0.0, "Dropout of embeddings, sub-layers and states.", within="[0, 1)", group="Model"
    )
    tie_embeddings: bool = option(False, "Words are written as they are read.", exposed=False)
    # Emotion query: mean over positions instead of the CLS position.
    mean_query: bool = option(False, "The emotion is read from a mean.", exposed=False)
    objective: str = option(
        "cvae",
        "The loss; released: the authors', whose posterior reads the context.",
        choices=("cvae", "released"),
        group="Loss",
    )
    # For golden tests only: convolutions see padding.
    padding_leak: bool = option(False, "Convolutions see padding.", exposed=False)


@dataclass(frozen=True)
class ModelConfig(MimeBaseOptions, MoelOptions, MimeOptions, ModelShape):
    """The shape of a model and the options of its system; see mime_fast/systems."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from a mapping; an unknown architecture is named before its options are."""
        _check_architecture(values.get("architecture", cls.architecture))
        return super().from_dict(values)

    def _check(self, names: Container[str] | None = None) -> None:
        _check_architecture(self.architecture)
        super()._check(names)

    def _check_combinations(self) -> None:
        self._check_system()
        require(
            self.key_dim % self.num_heads == 0,
            f"key_dim must be a multiple of num_heads ({self.num_heads}), got {self.key_dim}",
        )

    def _check_system(self) -> None:
        for entry in self._foreign():
            value = getattr(self, entry.name)
            require(
                value == entry.default,
                f"{entry.name}={value!r} is an option of {' and '.join(entry.option.systems)}, "
                f"and the architecture is {self.architecture}; leave it out",
            )
        for name, value in self.system.resolve(self).items():
            object.__setattr__(self, name, value)

    @property
    def system(self) -> System[Any]:
        """What the architecture declares."""
        return SYSTEMS[self.architecture]

    def _foreign(self) -> list[Entry]:
        lines = table(ModelConfig)
        return [e for e in lines if e.option.systems and self.architecture not in e.option.systems]

    def to_dict(self) -> dict[str, Any]:
        """A mapping that from_dict reads; options of other systems are left out."""
        foreign = {entry.name for entry in self._foreign()}
        return {name: value for name, value in super().to_dict().items() if name not in foreign}

    @property
    def latents(self) -> int:
        """Number of noise vectors of a request: one for each thing that is sampled."""
        return self.system.latents(self)

    @property
    def noise_dim(self) -> int:
        """Numbers in a noise vector."""
        return self.system.noise_dim(self)

    @property
    def mimics(self) -> bool:
        """Whether the reply depends on the polarity of the speaker's emotion."""
        return self.system.mimics(self)

    @property
    def reads_emotion(self) -> bool:
        """Whether the reply depends on the speaker's emotion, so that forcing one has an effect."""
        return self.system.reads_emotion(self)

    @property
    def ablations(self) -> tuple[str, ...]:
        """Names of the parts of the published system that the options leave out."""
        return self.system.ablations(self)
