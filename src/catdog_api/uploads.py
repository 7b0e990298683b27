"""The request's body as the bytes of photographs: the multipart field `file` or `files`, or one raw image itself."""

from collections.abc import AsyncGenerator, Collection

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from catdog_api.errors import (
    CallerLeftError,
    InvalidParameterError,
    MalformedUploadError,
    MissingFileError,
    TooManyFilesError,
    UnsupportedMediaTypeError,
)
from catdog_api.forms import lone_file
from catdog_api.settings import MAX_FILES

FIELD = "file"
FILES_FIELD = "files"
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

BROKEN_OFF = "The connection closed before the whole body had arrived."
MAX_CONTENT_TYPE = 1_024  # a boundary has 70 letters at most; taking 64 KiB of nothing but semicolons apart takes long
MAX_FIELDS = 100
MAX_PADDING = 64  # of a boundary's line: RFC 2046 allows white space there, for mail on its way, and names no end
MAX_TEXT_BYTES = 64 * 1024
SIX_DIGITS = 6


async def read_photograph(request: Request, max_bytes: int, parameters: Collection[str] = ()) -> bytes:
    """Read the one photograph that a request carries.

    Args:
        request: Its content type says which of the two forms the body has.
        max_bytes: The app's limit; up to it a file stays in memory, because each piece of a spooled one costs a hop to
            another thread (measured: 147 hops for 10 MiB).
        parameters: Names that belong into the address. Other fields of a form are passed over; one of these would be a
            wish that is neither met nor refused.

    Raises:
        UnsupportedMediaTypeError: The content type is neither multipart form data nor an image's.
        MalformedUploadError: The body is not what its content type says.
        CallerLeftError: The connection closed before its end.
        MissingFileError: There is no body, or no file in the field `file`.
        TooManyFilesError: There is more than one file.
        InvalidParameterError: The form has a field of such a name.
    """
    media_type = _media_type(request)
    if media_type == "multipart/form-data":
        if _is_small(request):
            file = lone_file(request.headers["content-type"], await read_body(request), FIELD)
            if file is not None:
                return file
        files = await _read_files(request, FIELD, max_bytes, 1, parameters)
        return files[0][1]
    body = await read_body(request)
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        return body
    if not body:
        raise MissingFileError(f"There is no body; send the photograph in the multipart field '{FIELD}', or raw.")
    received = f"'{media_type}'" if media_type else "no content type"
    raise UnsupportedMediaTypeError(
        f"Received {received}; send the photograph as multipart/form-data, in the field '{FIELD}', "
        "or as the body itself with a content type such as image/jpeg."
    )


async def read_photographs(request: Request, max_bytes: int, max_files: int) -> list[tuple[str, bytes]]:
    """Read the photographs that a multipart request carries in the field `files`.

    Args:
        request: A multipart one.
        max_bytes: The app's limit, of all of them together.
        max_files: How many it may carry.

    Returns:
        Each file's name, as it was sent, and its bytes; in their order.

    Raises:
        UnsupportedMediaTypeError: The content type is not multipart form data.
        MalformedUploadError: The body is not what its content type says.
        CallerLeftError: The connection closed before its end.
        MissingFileError: There is no file, or one in another field than `files`.
        TooManyFilesError: There are more than `max_files`.
    """
    media_type = _media_type(request)
    if media_type != "multipart/form-data":
        received = f"'{media_type}'" if media_type else "no content type"
        raise UnsupportedMediaTypeError(
            f"Received {received}; send the photographs as multipart/form-data, each in a field '{FILES_FIELD}'."
        )
    return await _read_files(request, FILES_FIELD, max_bytes, max_files)


async def read_body(request: Request) -> bytes:
    """Read a body as it is; the app refuses one that is too large.

    Raises:
        CallerLeftError: The connection closed before its end.
    """
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise CallerLeftError(BROKEN_OFF) from error


def _media_type(request: Request) -> str:
    """Return what the body says it is; raises MalformedUploadError."""
    content_type = request.headers.get("content-type", "")
    if len(content_type) > MAX_CONTENT_TYPE:
        raise MalformedUploadError(f"The content type has more than {MAX_CONTENT_TYPE:,} letters.")
    return content_type.split(";", 1)[0].strip().lower()


def _is_small(request: Request) -> bool:
    """Return whether a body is declared to have so few bytes that they may be there twice: less than 100,000."""
    length = request.headers.get("content-length", "")
    return length.isdecimal() and len(length) < SIX_DIGITS


class _Parser(MultiPartParser):
    """Starlette's parser, which takes a body without its closing line for whole, made to refuse it.

    Names are UTF-8, as RFC 7578 has it: given a charset, Starlette would decode with whichever of Python's that names.
    """

    def __init__(self, request: Request, max_bytes: int) -> None:
        limits = {"max_files": MAX_FILES, "max_fields": MAX_FIELDS, "max_part_size": MAX_TEXT_BYTES}
        media_type, parameters = parse_options_header(request.headers["content-type"])
        boundary = parameters.get(b"boundary")
        headers = _boundary_alone(media_type, boundary)
        super().__init__(headers, self._whole(request, b"\r\n--" + (boundary or b"")), **limits)
        self.spool_max_size = max_bytes
        self._ended = False

    def on_end(self) -> None:
        self._ended = True

    async def _whole(self, request: Request, delimiter: bytes) -> AsyncGenerator[bytes, None]:
        """Pass the body on, but for what the parser would walk in Python, a byte at a time."""
        count, tail = 0, b""
        async for chunk in request.stream():
            read = tail + chunk
            count += read.count(delimiter, max(0, len(tail) - len(delimiter) + 1))  # those in the tail are counted
            if count > MAX_FILES + MAX_FIELDS:
                raise MultiPartException("its boundary occurs far too often.")
            if count and _is_padded(read, delimiter):
                raise MultiPartException("there is too much white space behind a boundary.")
            tail = read[-(len(delimiter) + MAX_PADDING + 1) :]
            yield chunk
        # Raised in here, where the parser still closes the files that it opened.
        if not self._ended:
            raise MultiPartException("it ends before its closing boundary.")


def _is_padded(read: bytes, delimiter: bytes) -> bool:
    """Return whether more white space than may follow a delimiter is there behind one."""
    at = read.find(delimiter)
    while at >= 0:
        at += len(delimiter)
        behind = read[at : at + MAX_PADDING + 1]
        if len(behind) > MAX_PADDING and not behind.strip(b" \t"):
            return True
        at = read.find(delimiter, at)
    return False


def _boundary_alone(media_type: bytes, boundary: bytes | None) -> Headers:
    """Return a form's content type without its other parameters."""
    written = media_type.decode("latin-1")
    if boundary is not None:
        quoted = boundary.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
        written += f'; boundary="{quoted}"'
    return Headers({"content-type": written})


async def _read_files(
    request: Request, field: str, max_bytes: int, max_files: int, parameters: Collection[str] = ()
) -> list[tuple[str, bytes]]:
    try:
        form = await _Parser(request, max_bytes).parse()
    except ClientDisconnect as error:
        raise CallerLeftError(BROKEN_OFF) from error
    except MultiPartException as error:
        raise MalformedUploadError(f"The multipart body cannot be read: {error.message}") from error
    try:
        files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
        if len(files) > max_files:
            limit = "one request answers for one photograph" if max_files == 1 else f"at most {max_files} are taken"
            raise TooManyFilesError(f"Received {len(files)} files; {limit}.")
        if not files or any(name != field for name, _ in files):
            found = ", ".join(f"'{name}'" for name in form) or "none"
            raise MissingFileError(f"There is no file in the field '{field}'; the fields received: {found}.")
        for name in form.keys() & set(parameters):
            raise InvalidParameterError(f"{name}: send it in the address, as ?{name}=..., and not in the form.")
        return [(file.filename or "", await file.read()) for _, file in files]
    finally:
        await form.close()
