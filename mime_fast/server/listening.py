"""Where a server listens: an address, or a Unix socket."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from mime_fast.server.options import ServerOptions

BACKLOG = 2048


def listen(options: ServerOptions) -> socket.socket:
    """A socket that listens.

    Raises:
        OSError: the port is taken, the host is not an address of this machine, or the path of the
            Unix socket cannot be used.
    """
    if options.uds is not None:
        return _listen_at_path(options.uds)
    host, port = options.host, options.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise OSError(
            f"cannot listen on port {port} of {host} ({error}); give another --port or --host"
        ) from error


def _listen_at_path(path: Path) -> socket.socket:
    """A Unix socket; one that a killed server left is replaced, any other file is not."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {path} ({error}); give another --uds") from error
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == 0


def address(listener: socket.socket, options: ServerOptions) -> str:
    """Where clients find the server."""
    if options.uds is not None:
        name = os.fsencode(options.uds).decode(errors="replace")  # it may be printed
        return f"unix:{name}"
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"http://{host}:{listener.getsockname()[1]}"
