"""A form of one small file, taken apart at once: as the parser of all forms takes it, or not at all."""

import random
from collections.abc import Callable

import httpx
import pytest
from fastapi import Request
from starlette.types import Message

from catdog_api.errors import UploadError
from catdog_api.forms import lone_file
from catdog_api.uploads import FIELD, read_photograph

PHOTOGRAPH = b"\xff\xd8 a photograph\r\n--almost\r\n\r\n--e-\xff\xd9"
TYPE = "multipart/form-data; boundary=e"
PART = b'--e\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
FORM = PART + PHOTOGRAPH.replace(b"--e-", b"") + b"\r\n--e--\r\n"


def form_of(edge: str, name: str) -> tuple[str, bytes]:
    """Return a form's content type, and the form."""
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/jpeg'
    closing = f"\r\n--{edge}--\r\n"
    return f"multipart/form-data; boundary={edge}", f"{head}\r\n\r\n".encode() + PHOTOGRAPH + closing.encode()


def as_curl_sends_it() -> tuple[str, bytes]:
    return form_of("------------------------" + "Xy12" * 5, "cät.jpg")


def as_httpx_sends_it() -> tuple[str, bytes]:
    request = httpx.Request("POST", "http://localhost", files={FIELD: ("a.jpg", PHOTOGRAPH, "image/jpeg")})
    return request.headers["content-type"], request.read()


def as_browsers_send_it() -> tuple[str, bytes]:
    return form_of("----WebKitFormBoundaryAbCdEf0123456789", "blob")


@pytest.mark.parametrize("send", [as_curl_sends_it, as_httpx_sends_it, as_browsers_send_it])
def test_what_most_callers_send_is_taken(send: Callable[[], tuple[str, bytes]]) -> None:
    content_type, body = send()
    assert lone_file(content_type, body, FIELD) == PHOTOGRAPH


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(TYPE, FORM.replace(b'"file"', b'"files"'), id="another-field"),
        pytest.param(TYPE, PART + b"a\r\n" + FORM, id="two-files"),
        pytest.param(TYPE, FORM[:-2], id="no-line-end"),
        pytest.param(TYPE, FORM[:-8], id="no-end"),
        pytest.param(TYPE, b"Hello.\r\n" + FORM, id="words-before"),
        pytest.param(TYPE, FORM + b"\r\n", id="words-behind"),
        pytest.param(TYPE, FORM.replace(b"a.jpg", b'a\\".jpg'), id="a-quoted-quote"),
        pytest.param(TYPE, FORM.replace(b'; filename="a.jpg"', b""), id="no-file"),
        pytest.param(TYPE, FORM.replace(b"image/jpeg\r\n", b"image/jpeg\r\nX: y\r\n"), id="another-header"),
        pytest.param(TYPE, b"--e\r\n--e--\r\n", id="nothing"),
        pytest.param(TYPE, b"--e--\r\n", id="the-end-alone"),
        pytest.param('multipart/form-data; boundary="e"', FORM, id="a-quoted-boundary"),
        pytest.param("multipart/form-data; charset=utf-7; boundary=e", FORM, id="a-charset"),
        pytest.param("multipart/form-data", FORM, id="no-boundary"),
    ],
)
def test_any_other_form_is_left_to_the_parser(content_type: str, body: bytes) -> None:
    assert lone_file(TYPE, FORM, FIELD) is not None
    assert lone_file(content_type, body, FIELD) is None


async def parsed(content_type: str, body: bytes) -> bytes | None:
    """Return what the parser of all forms makes of a body, of which no length is declared."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", content_type.encode())]
    try:
        return await read_photograph(Request({"type": "http", "method": "POST", "headers": headers}, receive), 10**6)
    except UploadError:
        return None


async def test_what_is_taken_is_what_the_parser_would_take() -> None:
    chance, taken = random.Random(3), 0  # noqa: S311  # the same damage in each run
    pieces = [
        b"\r\n",
        b"--e",
        b"--",
        b"\r\n--e\r\n",
        b"\r\n--e--\r\n",
        b'"',
        b";",
        b" ",
        b"\r\n\r\n",
        b"\0",
        b"\xff",
        PART,
    ]
    for _ in range(3000):
        body = bytearray(FORM)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(body))
            body[at : at + chance.choice([0, 0, 1, 2])] = chance.choice(pieces)
        found = lone_file(TYPE, bytes(body), FIELD)
        if found is not None:
            taken += 1
            assert found == await parsed(TYPE, bytes(body)), bytes(body)
    assert taken > 100
