"""One HTTP connection on which a full service answers by itself, without the application, a task or a line in the log.

A request that is refused so takes 0.06 ms of the processor; through the application, at its header, 0.15 ms, and 0.5 ms
after its body has been taken apart (40 kB, multipart, no other work). At ten times what the service can answer, that is
the difference between a service that is busy refusing and one that answers.
"""

from collections.abc import Iterable
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from catdog_api.admission import Admission


def packed(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Write an answer as it goes over the wire; its length is added.

    Args:
        status: Of the answer.
        headers: All others.
        body: Of the answer.
    """
    length = b"content-length: %d\r\n\r\n" % len(body)
    return b"".join([STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in headers), length, body])


class RefusingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which asks first whether to refuse. One for a connection; on the event loop.

    Args:
        admission: Of the app.
        given: What uvicorn gives.
    """

    def __init__(self, *, admission: Admission, **given: Any) -> None:  # noqa: ANN401  # uvicorn's own
        super().__init__(**given)
        self._admission = admission

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Answer in the application's stead, or let it answer."""
        # Who had to wait for an answer before its own has sent its body by now: thousands of those would be answered
        # each inside of the other.
        refusal = self._admission.refusal(cycle.scope) if cycle.more_body else None  # type: ignore[arg-type]  # a TypedDict
        if refusal is None:
            super()._start_asgi_task(cycle, app)
            return
        headers = [*self.server_state.default_headers, *refusal.headers]
        if not cycle.keep_alive and CLOSE_HEADER not in headers:
            headers.append(CLOSE_HEADER)
        self.transport.write(packed(refusal.status, headers, refusal.body))
        cycle.response_started = cycle.response_complete = True
        if CLOSE_HEADER in headers:
            self.transport.close()
        self.on_response_complete()
