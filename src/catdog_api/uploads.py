"""The request's body as the bytes of one photograph: a multipart field `file`, or the raw image itself."""

from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from catdog_api.errors import (
    MalformedUploadError,
    MissingFileError,
    TooManyFilesError,
    UnsupportedMediaTypeError,
)

FIELD = "file"
MEDIA_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/avif",
    "image/tiff",
    "image/heic",
)
"""What the OpenAPI document offers for a raw body; which format it really is, the bytes say."""

MAX_PARTS = 100
MAX_TEXT_BYTES = 64 * 1024


async def read_photograph(request: Request, max_bytes: int) -> bytes:
    """Read the one photograph that a request carries.

    Args:
        request: Its content type says which of the two forms the body has.
        max_bytes: The app's limit; up to it a file stays in memory, because each piece of a spooled one costs a hop to
            another thread (measured: 147 hops for 10 MiB).

    Raises:
        UnsupportedMediaTypeError: The content type is neither multipart form data nor an image's.
        MalformedUploadError: The body is not what its content type says, or broke off.
        MissingFileError: There is no body, or no file in the field `file`.
        TooManyFilesError: There is more than one file.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.split(";", 1)[0].strip().lower()
    try:
        if media_type == "multipart/form-data":
            return await _read_field(request, max_bytes)
        body = await request.body()
    except ClientDisconnect as error:
        raise MalformedUploadError("The connection closed before the whole body had arrived.") from error
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        return body
    if not body:
        raise MissingFileError(f"There is no body; send the photograph in the multipart field '{FIELD}', or raw.")
    received = f"'{media_type}'" if media_type else "no content type"
    raise UnsupportedMediaTypeError(
        f"Received {received}; send the photograph as multipart/form-data, in the field '{FIELD}', "
        "or as the body itself with a content type such as image/jpeg."
    )


class _Parser(MultiPartParser):
    """Starlette's parser, which takes a body without its closing line for whole, made to refuse it."""

    def __init__(self, request: Request, max_bytes: int) -> None:
        limits = {"max_files": MAX_PARTS, "max_fields": MAX_PARTS, "max_part_size": MAX_TEXT_BYTES}
        super().__init__(request.headers, self._whole(request), **limits)
        self.spool_max_size = max_bytes
        self._ended = False

    def on_end(self) -> None:
        self._ended = True

    async def _whole(self, request: Request) -> AsyncGenerator[bytes, None]:
        async for chunk in request.stream():
            yield chunk
        # Raised in here, where the parser still closes the files that it opened.
        if not self._ended:
            raise MultiPartException("it ends before its closing boundary.")


async def _read_field(request: Request, max_bytes: int) -> bytes:
    try:
        form = await _Parser(request, max_bytes).parse()
    except MultiPartException as error:
        raise MalformedUploadError(f"The multipart body cannot be read: {error.message}") from error
    try:
        files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
        if len(files) > 1:
            raise TooManyFilesError(f"Received {len(files)} files; one request answers for one photograph.")
        if not files or files[0][0] != FIELD:
            found = ", ".join(f"'{name}'" for name in form) or "none"
            raise MissingFileError(f"There is no file in the field '{FIELD}'; the fields received: {found}.")
        return await files[0][1].read()
    finally:
        await form.close()
