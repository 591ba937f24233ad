"""The benchmarks are not installed; behind everything that is, their folder is found too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
