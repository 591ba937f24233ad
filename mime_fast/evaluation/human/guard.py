"""Which requests the server answers: those of its own page, called by a name that is its own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

LONGEST_BODY = 4096  # bytes; a vote has about 200


def refusal(
    method: str, path: str, headers: Mapping[str, str], host: str
) -> tuple[int, str] | None:
    """Status and reason when a request must not be answered, else None.

    Args:
        method: Of the request.
        path: Of the request; a link from elsewhere may lead to the page, and no further.
        headers: Of the request, names in lower case.
        host: The address that the server listens on.
    """
    called = headers.get("host", "")
    if not _is_own_name(called, host):
        return 421, f"this server is not called {called!r:.60}; use the address that it printed"
    asked_by = headers.get("sec-fetch-site", "same-origin")
    abroad = path.startswith("/api/") and asked_by not in ("same-origin", "none")
    if abroad or headers.get("origin", f"http://{called}") != f"http://{called}":
        return 403, "only the page of this server may ask it"
    return None if method in ("GET", "HEAD") else _refused_vote(headers)


def _refused_vote(headers: Mapping[str, str]) -> tuple[int, str] | None:
    kind = headers.get("content-type", "").partition(";")[0]
    if kind.strip().lower() != "application/json":
        return 415, "a vote must be application/json"
    length = headers.get("content-length", "")
    stated = length.isascii() and length.isdigit() and "transfer-encoding" not in headers
    if not stated or int(length) > LONGEST_BODY:
        return 413, f"a vote must state its length, of at most {LONGEST_BODY} bytes"
    return None


def _is_own_name(called: str, host: str) -> bool:
    """Addresses, and names of this machine: a stranger's name may be rebound to this address."""
    try:
        name = urlsplit(f"//{called}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in {"localhost", host.lower(), socket.gethostname().lower()}
    return True
