"""Adapters to Ray (extra `ray`): serve.py answers requests, data.py answers the rows of a Dataset.

ModuleNotFoundError: the extra is not installed.
"""

import os
from importlib.util import find_spec

# Ray reports its use to its makers unless told not to.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

for _name in ("ray", "starlette", "pyarrow"):
    if find_spec(_name) is None:
        raise ModuleNotFoundError(
            f"{_name} is not installed; run: pip install 'mime-fast[ray]'", name=_name
        )
