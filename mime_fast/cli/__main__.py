"""python -m mime_fast.cli, which torchrun starts."""

from mime_fast.cli import main

main()
