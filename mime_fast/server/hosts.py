"""Names by which clients may call a server on their own machine, against DNS rebinding.

A page can make its own name mean 127.0.0.1, and then call a server there as its own origin. The
header Host still has that name. Pages know no API key, so a server with keys takes any name.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from mime_fast.server.options import ServerOptions

LOCAL = "localhost"


def host_names(options: ServerOptions, *, has_keys: bool) -> frozenset[str] | None:
    """Names that are allowed besides addresses and those of this machine; None: all are."""
    if has_keys or options.uds is not None or not _is_loopback(options.host):
        return None
    return frozenset(name.lower() for name in options.allowed_host)


@lru_cache(maxsize=64)
def is_allowed(host: bytes, names: frozenset[str]) -> bool:
    """Whether the value of a header Host, with or without a port, is one of the names."""
    name = _without_port(host.decode("latin-1").strip().lower())
    return (
        name in names or name == LOCAL or name.endswith(f".{LOCAL}") or _address(name) is not None
    )


def _without_port(host: str) -> str:
    if host.startswith("["):  # an address of IPv6
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host.lower() == LOCAL if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
