"""uvicorn as this service runs it: the lifespan around the listener, an orderly end, one line for a failed start."""

import asyncio
import gc
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.server import HANDLED_SIGNALS

from catdog_api.app import create_app
from catdog_api.errors import SettingsError
from catdog_api.idle_connections import IdleConnections, raise_limit, room
from catdog_api.listening import BACKLOG, announce, bind, cannot_listen
from catdog_api.logs import configure, logger
from catdog_api.pipeline import Pipeline
from catdog_api.protocol import SLOW_SECONDS, Protocol
from catdog_api.settings import Settings

KEEP_ALIVE_SECONDS = 75  # longer than the pools of common clients and proxies keep a connection: they close first
LAST_CALL_SECONDS = 1  # for requests on their way on connections that are about to be closed
TICKS_A_SECOND = 10  # in uvicorn's main loop, and so when that is over
TICK_SECONDS = 1 / TICKS_A_SECOND


class Server(uvicorn.Server):
    """A uvicorn server that ends in order, and by returning, so that what was opened around it is closed again.

    SIGTERM: it is not ready any more, but takes requests on for the drain; the listener closes; what was taken on is
    answered, within the grace. SIGINT, from a person who waits, does without the drain. A second one ends it at once.
    """

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, listener: socket.socket, well: Callable[[str], object]
    ) -> None:
        super().__init__(config)
        self._well = well
        self._app = app
        self._listener = listener
        self._hurried = False
        self._idle = IdleConnections(room())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM as uvicorn does, but do not raise them again when all is done."""
        originals = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in originals.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # as signal calls it
        """Begin the end at the first signal, and wait for nothing after the second."""
        self.force_exit = self.should_exit
        self._hurried = sig != signal.SIGTERM
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # it has its own
        """Listen; unlike uvicorn, with no more patience for a TLS handshake than for a request.

        Raises:
            SettingsError: Somebody else listens there meanwhile.
        """
        try:
            self._listener.listen(BACKLOG)  # here, as uvloop does not say so where it cannot
        except OSError as error:
            raise cannot_listen(self._app.state.settings, error) from error
        server = await asyncio.get_running_loop().create_server(
            self._protocol, sock=self._listener, backlog=BACKLOG, **self._security()
        )
        self.servers = [server]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Do as uvicorn does, and say once a second that all is well, unless the model is stuck."""
        # Not uvicorn's `callback_notify`, which is silent for as long as the wall clock was set back.
        pipeline: Pipeline = self._app.state.pipeline
        if counter % TICKS_A_SECOND == 0 and not pipeline.is_stuck:
            self._well(pipeline.precision)
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        """Serve until a signal; then say that the end is near, and go on for the drain."""
        await super().main_loop()
        self._app.state.ready = False
        self.config.encoded_headers.append(CLOSE_HEADER)
        await self.on_tick(0)  # it copies them to where new requests find them
        for connection in self._connections():
            connection.announce_end()
        if not self._hurried:
            settings: Settings = self._app.state.settings
            await self._wait(settings.drain_seconds, lambda: False)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # likewise
        """Take nothing more on, answer what was, and cut what is left when the grace is over."""
        settings: Settings = self._app.state.settings
        ends = time.monotonic() + settings.grace_seconds
        await self._close_listener()
        if not self._hurried:
            await self._wait(min(LAST_CALL_SECONDS, settings.grace_seconds), lambda: not self._connections())
        for connection in self._connections():
            connection.shutdown()
        await self._wait(ends - time.monotonic(), self._is_idle)
        if not self._is_idle():
            logger.warning("cut %d connections that were not done", len(self._connections()))
        for connection in self._connections():
            connection.transport.abort()
        await asyncio.sleep(TICK_SECONDS)  # in which the requests end, for their callers have left

    async def _close_listener(self) -> None:
        """Stop listening, and take on who waits in the listener's queue.

        Their connections are made and may have sent a request: closing alone makes the kernel reset them.
        """
        accepted: list[socket.socket] = []
        with self._listener.dup() as queue:
            for server in self.servers:
                server.close()
            with suppress(OSError):  # when there is none left
                while True:
                    accepted.append(queue.accept()[0])
        loop = asyncio.get_running_loop()
        made = [loop.connect_accepted_socket(self._protocol, sock, **self._security()) for sock in accepted]
        with suppress(TimeoutError):  # of TLS, whose clients have a say
            await asyncio.wait_for(asyncio.gather(*made, return_exceptions=True), LAST_CALL_SECONDS)

    def _protocol(self) -> Protocol:
        return Protocol(
            config=self.config,
            server_state=self.server_state,
            app_state={},
            admission=self._app.state.admission,
            idle=self._idle,
        )

    def _security(self) -> dict[str, Any]:
        patience = SLOW_SECONDS if self.config.ssl else None
        return {"ssl": self.config.ssl, "ssl_handshake_timeout": patience, "ssl_shutdown_timeout": patience}

    def _connections(self) -> list[Protocol]:
        return [connection for connection in self.server_state.connections if isinstance(connection, Protocol)]

    def _is_idle(self) -> bool:
        return not self.server_state.connections and not self.server_state.tasks

    async def _wait(self, seconds: float, over: Callable[[], bool]) -> None:
        """Go on serving until the time or something else is over, or a second signal comes."""
        deadline = time.monotonic() + seconds
        ticks = count()
        while time.monotonic() < deadline and not self.force_exit:
            await asyncio.sleep(TICK_SECONDS)
            await self.on_tick(next(ticks))  # it keeps the Date header right
            if over():
                break


def serve(
    settings: Settings, listener: socket.socket | None = None, well: Callable[[str], object] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: Of the app and of the server.
        listener: Where there is one already, bound; without it one is made, when the model is loaded.
        well: Called with the model's precision once requests are taken on, and then every second while the model is not
            stuck; without it the address is printed.

    Raises:
        ArtifactError: The model cannot be served.
        SettingsError: The address is taken, or is none of this machine's; or TLS's certificate and key are of no use.
    """
    configure(settings.log_level)
    raise_limit()
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=Protocol,
        # The lifespan is entered here, around the listener: its errors then end the start as what they are.
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever sends X-Forwarded-For could choose the address by which requests are counted
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(f"CATDOG_TLS_CERTIFICATE and CATDOG_TLS_KEY cannot be used together: {error}.") from error
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(app, config, listener, well))


async def _serve(
    app: FastAPI, config: uvicorn.Config, given: socket.socket | None, well: Callable[[str], object] | None
) -> None:
    settings: Settings = app.state.settings
    async with app.router.lifespan_context(app):
        gc.freeze()  # what is here stays; to look through it took 0.2 s now and then, in which nothing else happened
        _say_what_serves(app.state.pipeline)
        listener = given or bind(settings)
        once = cache(lambda _: announce(settings, listener))
        await Server(config, app, listener, well or once).serve()


def _say_what_serves(pipeline: Pipeline) -> None:
    manifest = pipeline.manifest
    serving = {"precision": pipeline.precision, "model_threads": pipeline.limits.model_threads}
    logger.info("%s %s is loaded", manifest.name, manifest.version, extra={"fields": serving})
