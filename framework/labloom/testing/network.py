"""Cut this process off from the network, so that a download shows itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from labloom.errors import NetworkError

LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "")


@contextmanager
def blocked_network() -> Iterator[None]:
    """Refuse connections and lookups beyond this machine that Python code makes.

    An attempt that somebody swallowed is raised at the end, so that falling back in silence is
    noticed. Not seen: sockets that are opened in C, as by gRPC; datagrams; and what a loader's
    worker process swallows. A forked worker is refused, a spawned one is not.

    Raises:
        NetworkError: something reached for the network.
    """
    attempts: list[NetworkError] = []

    def refuse_unless_local(host: Any) -> None:
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        if name not in LOCAL:
            attempts.append(_attempt(name))
            raise attempts[-1]

    connect, connect_ex, lookup = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse_unless_local(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse_unless_local(address[0])
        return connect_ex(self, address)

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_unless_local(host)
        return lookup(host, *args, **kwargs)

    socket.socket.connect = guarded_connect
    socket.socket.connect_ex = guarded_connect_ex
    socket.getaddrinfo = guarded_lookup
    try:
        yield
    finally:
        del socket.socket.connect, socket.socket.connect_ex  # theirs is inherited
        socket.getaddrinfo = lookup
    if attempts:
        raise attempts[0]


def _attempt(host: str) -> NetworkError:
    return NetworkError(
        f"the network was asked for: {host}",
        expected="training that works without it: data that its package carries, or local files",
        fix="look for the files first and download last, never in the default data of a task",
    )
