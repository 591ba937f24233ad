"""The trained systems, in PyTorch. Importing this package imports torch."""

from mime_fast.models.mime import Mime

__all__ = ["Mime"]
