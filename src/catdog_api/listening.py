"""The listener, and the line that says where it is; without TensorFlow, so that a supervisor can have both."""

import os
import socket
from contextlib import suppress

from catdog_api.errors import SettingsError
from catdog_api.settings import Settings

BACKLOG = 2048
UNSENT_BYTES = 128 * 1024  # of answers that the kernel keeps for a connection; by itself it takes megabytes


def bind(settings: Settings) -> socket.socket:
    """Take the address. Until somebody listens there, connections are refused: none waits for a model in vain.

    Raises:
        SettingsError: The address is taken, or is none of this machine's.
    """
    try:
        return _bound(settings.host, settings.port)
    except (OSError, ValueError) as error:  # ValueError for what cannot be a name
        raise cannot_listen(settings, error) from error


def cannot_listen(settings: Settings, error: Exception) -> SettingsError:
    """Return what to say where an address cannot be had."""
    reason = getattr(error, "strerror", None) or error
    return SettingsError(f"Cannot listen on {settings.host}, port {settings.port}: {reason}.")


def _bound(host: str, port: int) -> socket.socket:
    """Do as `socket.create_server` does, which would listen, too."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # Connections of the last run that are not forgotten yet may have the port, too; Windows takes it for more.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
        if ":" in host:  # `::` is meant as every address, those of the older protocol too
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        listener.bind((host, port))
    except (OSError, ValueError):
        listener.close()
        raise
    with suppress(AttributeError, OSError):  # where the system has no such option
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)  # connections inherit it
    return listener


def announce(settings: Settings, listener: socket.socket) -> None:
    """Say where the service answers."""
    url = settings.model_copy(update={"port": listener.getsockname()[1]}).url
    # Not a log record, which a quieter level would swallow: with port 0 there is no other way to learn it.
    print(f"catdog-api answers at {url} (explorer: {url}/docs)", flush=True)  # noqa: T201
