"""Triton kernels of the `cuda` engine, one operation a file; reference.py has their slow twins."""
