"""The command line: mime-fast respond | chat | serve | train | evaluate | ...; see --help.

One file for each group of commands. Nothing heavy is imported before a command needs it: --help
stays instant.
"""

from importlib import import_module

from mime_fast.cli.app import app, main

__all__ = ["app", "main"]

# Importing registers the commands; --help lists them in this order.
for _group in ("reply", "serve", "data", "train", "checkpoint", "evaluate"):
    import_module(f"mime_fast.cli.{_group}")
