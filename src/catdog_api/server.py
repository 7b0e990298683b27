"""uvicorn as this service runs it: the lifespan around the listener, an orderly end, one line for a failed start."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.server import HANDLED_SIGNALS

from catdog_api.app import create_app
from catdog_api.errors import SettingsError
from catdog_api.logs import configure
from catdog_api.settings import Settings

GRACE_SECONDS = 20  # a slow client must not keep the process from ending
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048


class Server(uvicorn.Server):
    """A uvicorn server that ends by returning, so that what was opened around it is closed again."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM as uvicorn does, but do not raise them again when all is done."""
        originals = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in originals.items():
                signal.signal(number, handler)


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ArtifactError: The model cannot be served.
        SettingsError: The address is taken, or is none of this machine's.
    """
    configure(settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        # The lifespan is entered here, around the listener: its errors then end the start as what they are.
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(f"CATDOG_TLS_CERTIFICATE and CATDOG_TLS_KEY cannot be used together: {error}.") from error
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(app, config))


async def _serve(app: FastAPI, config: uvicorn.Config) -> None:
    settings: Settings = app.state.settings
    async with app.router.lifespan_context(app):
        listener = _listen(settings.host, settings.port)
        port = listener.getsockname()[1]
        bound = settings.model_copy(update={"port": port})
        # Not a log record, which a quieter level would swallow: with port 0 there is no other way to learn it.
        print(f"catdog-api answers at {bound.url} (explorer: {bound.url}/docs)", flush=True)  # noqa: T201
        await Server(config).serve(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # `::` is meant as every address, those of the older protocol too.
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    except OSError as error:
        raise SettingsError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error
