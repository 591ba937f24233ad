"""What a system declares: the class of its model, and the facts that follow from its options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

Options = TypeVar("Options")  # a system's own, which ModelConfig inherits


class System(ABC, Generic[Options]):
    """A system as a config, the engines and the evaluation see it. Most facts have a default."""

    name: ClassVar[str]  # ModelConfig.architecture, and the file in mime_fast/models
    class_name: ClassVar[str]  # in that file
    over_words: ClassVar[bool] = True  # a reply's tokens are words; `mime-fast train` makes it

    @abstractmethod
    def reads_emotion(self, options: Options) -> bool:
        """Whether the reply depends on the speaker's emotion, so that forcing one has an effect."""

    def latents(self, options: Options) -> int:  # noqa: ARG002 - the default of all options
        """Number of noise vectors of a request."""
        return 0

    def noise_dim(self, options: Options) -> int:  # noqa: ARG002
        """Numbers in a noise vector."""
        return 0

    def mimics(self, options: Options) -> bool:  # noqa: ARG002
        """Whether the reply depends on the polarity of the speaker's emotion."""
        return False

    def resolve(self, options: Options) -> dict[str, Any]:  # noqa: ARG002
        """Check combinations of options; returns the options whose value follows from others.

        Raises:
            ValueError: two options contradict each other.
        """
        return {}

    def ablations(self, options: Options) -> tuple[str, ...]:  # noqa: ARG002
        """Names of the parts of the published system that the options leave out."""
        return ()

    def served_by_cuda(self, options: Options) -> bool:  # noqa: ARG002
        """Whether the Triton kernels compute this form of the system."""
        return False
