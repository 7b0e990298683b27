"""The listener, and the line that says where it is; without TensorFlow, so that a supervisor can have both."""

import socket
from contextlib import suppress

from catdog_api.errors import SettingsError
from catdog_api.settings import Settings

BACKLOG = 2048
UNSENT_BYTES = 128 * 1024  # of answers that the kernel keeps for a connection; by itself it takes megabytes


def listen(settings: Settings) -> socket.socket:
    """Open the listener.

    Raises:
        SettingsError: The address is taken, or is none of this machine's.
    """
    host, port = settings.host, settings.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # `::` is meant as every address, those of the older protocol too.
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    except (OSError, ValueError) as error:  # ValueError for `::` where the system has no IPv6
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"Cannot listen on {host}, port {port}: {reason}.") from error
    with suppress(AttributeError, OSError):  # where the system has no such option
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)  # connections inherit it
    return listener


def announce(settings: Settings, listener: socket.socket) -> None:
    """Say where the service answers."""
    url = settings.model_copy(update={"port": listener.getsockname()[1]}).url
    # Not a log record, which a quieter level would swallow: with port 0 there is no other way to learn it.
    print(f"catdog-api answers at {url} (explorer: {url}/docs)", flush=True)  # noqa: T201
