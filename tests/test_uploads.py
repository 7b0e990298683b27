"""What happens to a body that stops arriving; everything else about uploads is in test_app.py."""

import pytest
from starlette.requests import Request
from starlette.types import Message

from catdog_api.errors import CallerLeftError
from catdog_api.uploads import read_photograph, read_photographs


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
