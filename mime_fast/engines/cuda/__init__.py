"""The cuda engine: MIME on an NVIDIA GPU."""

from mime_fast.engines.cuda.engine import CudaEngine

__all__ = ["CudaEngine"]
