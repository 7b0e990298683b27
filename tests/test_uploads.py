"""What happens to a body that stops arriving; everything else about uploads is in test_app.py."""

import pytest
from starlette.requests import Request
from starlette.types import Message

from catdog_api.errors import CallerLeftError
from catdog_api.uploads import read_photograph


@pytest.mark.parametrize("content_type", ["image/jpeg", "multipart/form-data; boundary=edge"])
async def test_a_connection_that_closes_in_the_middle_of_its_upload_is_no_crash(content_type: str) -> None:
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
    with pytest.raises(CallerLeftError, match="closed before"):
        await read_photograph(request, max_bytes=1000)
