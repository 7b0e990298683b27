"""What is asked of every answer to what schemathesis makes of the OpenAPI document, and of what it makes."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis.config import SchemathesisConfig

from catdog_api.app import create_app
from catdog_api.artifact import Manifest
from catdog_api.problems import MEDIA_TYPE
from catdog_api.settings import Settings
from tests.images import FILES, encode, quarters

MEMBERS = {"type", "title", "status", "detail"}
BUSY = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
"""What no request is at fault for; the document has to declare it all the same."""

REFUSALS = ["2xx", 400, 404, 413, 415, 422, *map(int, BUSY)]
"""No schema can say which bytes are a photograph: a body that is valid for the document may be refused for these.

Nor which models there are, for which another is a 404.
"""

_CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", *map(int, BUSY)]},
            "positive_data_acceptance": {"expected-statuses": REFUSALS},
        },
        "phases": {"examples": {"enabled": False}},  # they do not go together with headers and a query of our own
    }
)
_WHOLE = [make() for _, make in FILES.values()] + [encode(Image.new("L", (1, 1)), "PNG"), encode(quarters(500), "JPEG")]

photographs = st.sampled_from(_WHOLE)
cut_photographs = st.builds(lambda data, at: data[: int(at * len(data))], photographs, st.floats(0, 1))
uploads = st.one_of(photographs, cut_photographs, st.binary(max_size=200))
"""Of raw bodies; those of the multipart field are schemathesis' own."""

odd_headers = st.dictionaries(
    st.sampled_from(
        ["Accept", "Accept-Encoding", "Origin", "Range", "If-None-Match", "Expect", "X-Request-ID", "Cookie"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip),
    max_size=4,
)
odd_query = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=20), max_size=3)
"""What operations without parameters are given, so that they see more than one request."""


def of_the_model(case: Any, manifest: Manifest) -> None:  # noqa: ANN401  # the kind of case is the document's
    """Let a case for any model ask for the one that there is, most of the time: the others are a 404 and no more."""
    parameters = case.path_parameters or {}
    for name, value in (("model", manifest.name), ("version", manifest.version)):
        if len(parameters.get(name, "")) % 4:
            parameters[name] = value


def schema() -> Any:  # noqa: ANN401  # schemathesis names its type in no public place
    """Return the service's own document, its media types filled with `uploads`."""
    document = create_app(Settings(model=Path("unused"))).openapi()
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    for media_type in [*body, "application/octet-stream"]:
        if not media_type.startswith("multipart/"):
            schemathesis.openapi.media_type(media_type, uploads)
    return schemathesis.openapi.from_dict(document, config=_CONFIG)


def examples(count: int) -> settings:
    """Return the settings for so many examples an operation: the same in every run, and nothing kept on the disk."""
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=slow)


def keeps_its_word(
    document: Any,  # noqa: ANN401  # as above
    count: int,
    manifest: Manifest,
    asked: Counter[str],
    statuses: Counter[int],
) -> Callable[..., None]:
    """Return the test that so many examples of every operation are answered as the document declares.

    Args:
        document: What `schema` returns.
        count: Examples of an operation.
        manifest: Of the model that is served.
        asked: Is given, by operation, how many there were.
        statuses: Is given the statuses of the answers.
    """

    @document.given(headers=odd_headers, query=odd_query)  # type: ignore[untyped-decorator]  # schemathesis' own
    @document.parametrize()  # type: ignore[untyped-decorator]
    @examples(count)
    def test(case: Any, address: str, headers: dict[str, str], query: dict[str, str]) -> None:  # noqa: ANN401  # its kind is the document's
        case.query = {**query, **dict(case.query or {})}
        of_the_model(case, manifest)
        asked[case.operation.label] += 1
        check_answer(case.call_and_validate(address, headers=headers), statuses)

    return test  # type: ignore[no-any-return]  # likewise


def keeps_its_word_at_its_edges(
    document: Any,  # noqa: ANN401  # as above
    count: int,
    manifest: Manifest,
    statuses: Counter[int],
) -> Callable[..., None]:
    """Return the test that wrong methods, missing bodies and the like are answered as the document declares.

    Without strategies of a test's own, schemathesis adds what covers the document.

    Args:
        document: What `schema` returns.
        count: Examples of an operation, beside those that cover it.
        manifest: Of the model that is served.
        statuses: Is given the statuses of the answers.
    """

    @document.parametrize()  # type: ignore[untyped-decorator]  # schemathesis' own
    @examples(count)
    def test(case: Any, address: str) -> None:  # noqa: ANN401  # its kind is the document's
        of_the_model(case, manifest)
        check_answer(case.call_and_validate(address), statuses)

    return test  # type: ignore[no-any-return]  # likewise


def check_answer(response: schemathesis.Response, statuses: Counter[int]) -> None:
    """Hold an answer to what the document cannot say of all of them.

    Args:
        response: To whatever was asked.
        statuses: Is given its status.
    """
    statuses[response.status_code] += 1
    assert response.headers["x-request-id"]
    if response.status_code >= HTTPStatus.BAD_REQUEST and urlsplit(response.request.url or "").path.startswith("/v2"):
        assert response.headers["content-type"] == ["application/json"]
        assert set(response.json()) == {"error"}
    elif response.status_code >= HTTPStatus.BAD_REQUEST:
        assert response.headers["content-type"] == [MEDIA_TYPE]
        assert set(response.json()) == MEMBERS
        assert response.json()["status"] == response.status_code
    assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in BUSY
