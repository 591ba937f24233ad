"""python -m mime_fast."""

from mime_fast.cli import main

main()
