"""Triton kernels of the `cuda` engine, one operation a file; reference.py has their slow twins."""

import os

if os.environ.get("TRITON_INTERPRET") == "1":
    from mime_fast.kernels.interpreter import patch_interpreter

    patch_interpreter()
