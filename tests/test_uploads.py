"""Bodies that stop arriving, and forms that a parser in Python would walk byte by byte; the rest is in test_app.py."""

from collections.abc import Iterator, Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from catdog_api.errors import CallerLeftError, MalformedUploadError
from catdog_api.form_parser import MAX_FIELDS, MAX_PADDING
from catdog_api.settings import MAX_FILES
from catdog_api.uploads import read_photograph, read_photographs

PART = b'--e\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\n\r\n'
END = b"\r\n--e--\r\n"


@pytest.mark.parametrize(
    ("content_type", "many"),
    [
        ("image/jpeg", False),
        ("multipart/form-data; boundary=edge", False),
        ("multipart/form-data; boundary=edge", True),
    ],
)
async def test_a_connection_that_closes_in_the_middle_of_its_upload_is_no_crash(
    content_type: str, *, many: bool
) -> None:
    messages: list[Message] = [
        {
            "type": "http.request",
            "body": b'--edge\r\nContent-Disposition: form-data; name="file"',
            "more_body": True,
        },
        {"type": "http.disconnect"},
    ]
    arriving = iter(messages)

    async def receive() -> Message:
        return next(arriving)

    headers = [(b"content-type", content_type.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    reading = read_photographs(request, 1000, 2) if many else read_photograph(request, 1000)
    with pytest.raises(CallerLeftError, match="closed before"):
        await reading


def sent(pieces: Sequence[bytes]) -> Request:
    """Return a form's request whose body comes in those pieces."""
    arriving: Iterator[Message] = iter([{"type": "http.request", "body": piece, "more_body": True} for piece in pieces])

    async def receive() -> Message:
        return next(arriving, {"type": "http.request", "body": b"", "more_body": False})

    headers = [(b"content-type", b"multipart/form-data; boundary=e")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def cut(body: bytes, length: int) -> list[bytes]:
    """Return it in pieces."""
    return [body[at : at + length] for at in range(0, len(body), length)]


@pytest.mark.parametrize("length", [7, 1000])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"\r\n--eX" * (MAX_FILES + MAX_FIELDS + 1), "far too often", id="boundaries-that-begin-no-part"),
        pytest.param(b"\r\n--e" + b" " * 1000, "white space", id="padding"),
        pytest.param(b"\r\n--e" + b"\t" * 1000, "white space", id="padding-of-tabs"),
    ],
)
async def test_a_form_that_is_made_to_be_slow_to_read_is_refused(content: bytes, words: str, length: int) -> None:
    request = sent(cut(PART + content + END, length))
    with pytest.raises(MalformedUploadError, match=words):
        await read_photograph(request, 10**6)


async def test_a_content_type_that_is_made_to_be_slow_to_read_is_refused() -> None:
    headers = [(b"content-type", b"multipart/form-data" + b";" * 64_000 + b"boundary=e")]
    request = Request({"type": "http", "method": "POST", "headers": headers})
    for read in (read_photograph(request, 10**6), read_photographs(request, 10**6, 4)):
        with pytest.raises(MalformedUploadError, match="more than 1,024 letters"):
            await read


@pytest.mark.parametrize("length", [1, 1000])
async def test_a_boundary_may_have_white_space_behind_it_as_mail_has(length: int) -> None:
    padding = b" \t" * (MAX_PADDING // 2)
    note = b'--e\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    body = note + PART.replace(b"\r\n", padding + b"\r\n", 1) + b"photograph" + END
    assert await read_photograph(sent(cut(body, length)), 10**6) == b"photograph"


@pytest.mark.parametrize("length", [1, 7, 1000])
async def test_a_photograph_may_look_a_little_like_its_form(length: int) -> None:
    content = b"\r\n--eX\r\n--d\r\n-- e\r\n--E \r\n"
    assert await read_photograph(sent(cut(PART + content + END, length)), 10**6) == content
