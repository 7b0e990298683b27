"""JSON whose long parts never become Python objects: ten megabytes of `[[1],[2]]` would be 250 MB of them.

A string of more than `SHORT_BYTES`, and an array of numbers under a key `data`, are lifted out and stay bytes. What is
left is small, or refused, and is parsed as ever. The parser, too, would keep every other thread waiting meanwhile.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from catdog_api.errors import MalformedUploadError

SHORT_BYTES: Final = 254
MAX_BYTES_LEFT: Final = 256 * 1024  # 7 MB as Python objects at most; a thousand strings that are just not long fit in
_MAX_ESCAPES: Final = 500_000  # each takes the regular expression a step; base64 of 10 MiB has 160,000 slashes
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.){0,%d}+"' % _MAX_ESCAPES, re.DOTALL)
_DATA_KEY: Final = re.compile(rb'"data"[ \t\r\n]*+:[ \t\r\n]*+(?=\[)')
_PLACEHOLDER: Final = (
    b"NaN"  # no JSON, so that a caller cannot mean it, and yet Python's parser asks what it stands for
)


@dataclass(frozen=True, slots=True)
class LongText:
    """A string that was lifted out, in `whole[start:end]`: UTF-8, without quotes and escapes; nothing in it checked."""

    whole: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """An array that was lifted out, in `whole[start:end]`, its brackets included; nothing in it checked."""

    whole: bytes
    start: int
    end: int


class _Lift:
    """Walks once through a text, and keeps apart what stays and what is lifted out."""

    def __init__(self, text: bytes, end: int) -> None:
        self.left = bytearray()
        self.lifted: list[LongText | Numbers] = []
        self._text = text
        self._end = end

    def walk(self) -> None:
        at = 0
        while (quote := self._text.find(b'"', at, self._end)) != -1:
            self._leave_between(at, quote)
            key = _DATA_KEY.match(self._text, quote, self._end)
            at = self._take_data(key) if key else self._take_string(quote)
        self._leave_between(at, self._end)

    def _leave(self, start: int, end: int) -> None:
        if len(self.left) + end - start > MAX_BYTES_LEFT:
            raise MalformedUploadError(
                f"The JSON has more than {MAX_BYTES_LEFT:,} bytes that are neither long strings nor numbers in 'data'."
            )
        self.left += self._text[start:end]

    def _leave_between(self, start: int, end: int) -> None:
        """Leave what is in no string."""
        before = len(self.left)
        self._leave(start, end)
        if b"N" in self.left[before:] or b"I" in self.left[before:]:
            raise MalformedUploadError("The body is not JSON: it has a NaN or Infinity, or a word.")

    def _take_data(self, key: re.Match[bytes]) -> int:
        """Lift the array behind the key, if it holds no strings and no objects; return where it ends."""
        self._leave(*key.span())
        start = key.end()
        stop = self._end
        for mark in (
            b'"',
            b"}",
        ):  # the nearer one; looked for no further, or many arrays would each search all the rest
            found = self._text.find(mark, start, stop)
            stop = stop if found == -1 else found
        end = self._text.rfind(b"]", start, stop) + 1
        if not end:
            return start
        self.left += _PLACEHOLDER
        self.lifted.append(Numbers(self._text, start, end))
        return end

    def _take_string(self, quote: int) -> int:
        """Leave a short string, lift a long one; return where it ends."""
        end = self._text.find(b'"', quote + 1, self._end) + 1
        is_escaped = self._text.find(b"\\", quote + 1, end) != -1
        if is_escaped:
            whole = _STRING.match(self._text, quote, self._end)
            end = whole.end() if whole else 0
        if not end:
            raise MalformedUploadError(f"The JSON has a string without an end, or with {_MAX_ESCAPES:,} escapes.")
        if end - quote <= SHORT_BYTES + len(b'""'):
            self._leave(quote, end)
            return end
        self.left += _PLACEHOLDER
        if is_escaped:
            plain = _parsed(self._text[quote:end]).encode(errors="surrogatepass")
            self.lifted.append(LongText(plain, 0, len(plain)))
        else:
            self.lifted.append(LongText(self._text, quote + 1, end - 1))
        return end


def loads(text: bytes, end: int) -> Any:  # noqa: ANN401  # whatever was written
    """Parse the JSON in `text[:end]`; bounded in memory by its size, whatever it holds.

    Args:
        text: As hostile as it comes.
        end: In bytes, at most its length.

    Returns:
        What `json.loads` would, with a `LongText` for each string of more than `SHORT_BYTES` and a `Numbers` for each
        array without strings or objects under a key `data`, at whatever depth.

    Raises:
        MalformedUploadError: It is no JSON, is too deep, or is too much besides.
    """
    lift = _Lift(text, end)
    lift.walk()
    lifted = iter(lift.lifted)
    return _parsed(lift.left, lambda _: next(lifted))


def _parsed(text: bytes | bytearray, constant: Any = None) -> Any:  # noqa: ANN401  # likewise
    try:
        return json.loads(text.decode(), parse_constant=constant)
    except RecursionError as error:
        raise MalformedUploadError("The JSON is nested too deeply.") from error
    except ValueError as error:  # no UTF-8, no JSON, or a number of thousands of digits
        raise MalformedUploadError("The body is not JSON.") from error
