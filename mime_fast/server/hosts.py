"""Names by which clients may call a server on their own machine, against DNS rebinding.

A page can make its own name mean 127.0.0.1, and then call a server there as its own origin. The
header Host still has that name. Pages know no API key, so a server with keys takes any name.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache

from mime_fast.server.options import ServerOptions

LOCAL = "localhost"


def host_names(
    options: ServerOptions, listeners: Iterable[socket.socket], *, has_keys: bool
) -> frozenset[str] | None:
    """Names that are allowed beside addresses and localhost; None: all are.

    The name of `--host` is one of them: the operator gave it, and clients are told of it.
    """
    if has_keys or not all(map(_is_local, listeners)):
        return None
    return frozenset(map(_normalised, (options.host, *options.allowed_host)))


def _is_local(listener: socket.socket) -> bool:
    return listener.family != socket.AF_UNIX and is_loopback(listener.getsockname()[0])


def is_loopback(address: str) -> bool:
    """Whether a socket that listens at this address, in numbers, is reached by its machine alone.

    Names do not show it: `127.1`, ip6-localhost or the machine's own name may mean it, too.
    """
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


@lru_cache(maxsize=64)
def is_allowed(host: bytes, names: frozenset[str]) -> bool:
    """Whether the value of a header Host, with or without a port, is one of the names."""
    name = _normalised(_without_port(host.decode("latin-1").strip()))
    return (
        name in names or name == LOCAL or name.endswith(f".{LOCAL}") or _address(name) is not None
    )


def _without_port(host: str) -> str:
    if host.startswith("["):  # an address of IPv6
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _normalised(name: str) -> str:
    """Letters of both cases are the same, and a dot at the end of a name changes nothing."""
    return name.lower().removesuffix(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
