"""The systems that are compared: what each declares without torch. docs/systems.md adds another.

The PyTorch model of a system is in the file of its name in mime_fast/models.
"""

from __future__ import annotations

from typing import Any

from mime_fast.systems.base import System
from mime_fast.systems.mime import Mime
from mime_fast.systems.mime_base import MimeBase
from mime_fast.systems.moel import Moel
from mime_fast.systems.multi_tr import MultiTr

# By ModelConfig.architecture.
SYSTEMS: dict[str, System[Any]] = {
    system.name: system for system in (Mime(), MultiTr(), Moel(), MimeBase())
}
