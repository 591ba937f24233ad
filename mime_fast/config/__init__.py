"""ModelConfig and GenerationConfig: frozen, validated, JSON round trip, unknown key = error.

Range, choices, help and group of each option stand in its field; see mime_fast.options.
"""

from mime_fast.config.base import Config, require
from mime_fast.config.generation import (
    AS_GENERATED,
    BEST_OF_SAMPLES,
    SAMPLING,
    GenerationConfig,
)
from mime_fast.config.model import ModelConfig

__all__ = [
    "AS_GENERATED",
    "BEST_OF_SAMPLES",
    "SAMPLING",
    "Config",
    "GenerationConfig",
    "ModelConfig",
    "require",
]
