"""The request's body as the bytes of photographs: the multipart field `file` or `files`, or one raw image itself."""

from collections.abc import Collection

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from catdog_api.bodies import declared_bytes
from catdog_api.errors import (
    CallerLeftError,
    InvalidParameterError,
    MalformedUploadError,
    MissingFileError,
    TooManyFilesError,
    UnsupportedMediaTypeError,
)
from catdog_api.form_parser import FormParser
from catdog_api.forms import lone_file

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
SMALL_BYTES = 100_000  # so few of a form may be there twice


async def read_photograph(request: Request, max_bytes: int, parameters: Collection[str] = ()) -> bytes:
    """Read the one photograph that a request carries.

    Args:
        request: Its content type says which of the two forms the body has.
        max_bytes: The app's limit, up to which a file stays in memory.
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
        if 0 < declared_bytes(request.scope) < SMALL_BYTES:
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
    raise UnsupportedMediaTypeError(
        f"{_received(media_type)}; send the photograph as multipart/form-data, in the field '{FIELD}', "
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
        raise UnsupportedMediaTypeError(
            f"{_received(media_type)}; send the photographs as multipart/form-data, each in a field '{FILES_FIELD}'."
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


def _received(media_type: str) -> str:
    return f"Received '{media_type}'" if media_type else "Received no content type"


async def _read_files(
    request: Request, field: str, max_bytes: int, max_files: int, parameters: Collection[str] = ()
) -> list[tuple[str, bytes]]:
    try:
        form = await FormParser(request, max_bytes).parse()
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
