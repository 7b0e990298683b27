"""What WebP needs besides: a look at what it has without loss, before libwebp sees it (RFC 9649, section 3).

Such an image may be coded with another set of tables for each 4 x 4 of its pixels, 5.6 kB of them: 295 kB, which showed
1 megapixel, took 365 MB and 0.56 s. How many there may be is said behind what was done to the image, each time with a
small image of its own, which has to be read to be passed over.
"""

from collections.abc import Iterator
from typing import Final

from catdog_api import errors

_MAX_TILES: Final = 4096  # with tables of their own; libwebp makes 2,600 of an image at most
_MAX_CHUNKS: Final = 256  # before its first image: 10 MB of empty ones would take Python a second
_MAX_SYMBOLS: Final = 200_000  # to be read in Python: 0.1 s; 12 megapixels made with the most effort have 120,000
_FRAME_HEADER: Final = 16  # bytes of a film's frame, before what is in it
_SIZE_AT: Final = 6  # in an image with loss, behind its tag and its start code
_COMPRESSED: Final = 1  # alpha that is an image without loss; what says so are two bits
_LENGTHS_IN_ORDER: Final = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_REPEATS: Final = {16: (2, 3), 17: (3, 3), 18: (7, 11)}  # bits of how often, and what is added to them
_LITERALS, _COPIES, _DISTANCES = 256, 24, 40  # how many symbols there are of each
_COLOUR_TABLE, _GREEN = 3, 2  # what may be done to an image; the other two ways have a small image for tiles of it
_LONGEST: Final = 15  # bits of a symbol

_Code = list[tuple[int, int]]
"""By the next bits: how many of them are a symbol, and which; as many entries as the longest has values."""


class _Bits:
    """The bits of an image, the lowest of a byte first; raises ValueError where it ends early."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at, self._end = 0, 8 * len(data)
        self._symbols_left = _MAX_SYMBOLS

    def _next(self) -> int:
        start = self._at >> 3
        return int.from_bytes(self._data[start : start + 4], "little") >> (self._at & 7)

    def _pass(self, count: int) -> None:
        self._at += count
        if self._at > self._end:
            raise ValueError("An image ends early.")

    def take(self, count: int) -> int:
        """Read a number of so many bits, 25 at most."""
        number = self._next() & (1 << count) - 1
        self._pass(count)
        return number

    def symbol(self, code: _Code) -> int:
        """Read a symbol; raises TruncatedImageError where there are far too many."""
        self._symbols_left -= 1
        if self._symbols_left < 0:
            raise errors.TruncatedImageError("The WEBP image is damaged: it has far too many parts.")
        length, symbol = code[self._next() & len(code) - 1]
        self._pass(length)
        return symbol


def check_webp(data: bytes) -> None:
    """Refuse an image with far too many tables.

    Args:
        data: A file that `sniff` calls "WEBP"; of a film the first frame is looked at.

    Raises:
        TruncatedImageError: It has too many, or too much before it says how many.
        ValueError: Its parts are not what they should be; IndexError likewise.
    """
    alpha = memoryview(b"")
    for number, (name, content) in enumerate(_chunks(memoryview(data), 12)):
        if number >= _MAX_CHUNKS:
            raise errors.TruncatedImageError("The WEBP image is damaged: it has far too many parts.")
        if name == b"VP8L":
            bits = _Bits(content[1:])
            width, height, _ = bits.take(14) + 1, bits.take(14) + 1, bits.take(4)
            _check_tables(bits, width, height)
            return
        if name == b"ALPH":
            alpha = alpha or content
        if name == b"VP8 ":
            if alpha and alpha[0] & 3 == _COMPRESSED:
                width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (_SIZE_AT, 8))
                _check_tables(_Bits(alpha[1:]), width, height)
            return


def _chunks(data: memoryview, at: int) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the name and content of each chunk, and behind a film's frame of those that are in it."""
    while at + 8 <= len(data):
        name, size = bytes(data[at : at + 4]), int.from_bytes(data[at + 4 : at + 8], "little")
        content = data[at + 8 : at + 8 + size]
        yield name, content
        if name == b"ANMF":
            yield from _chunks(content, _FRAME_HEADER)
        at += 8 + size + size % 2


def _check_tables(bits: _Bits, width: int, height: int) -> None:
    """Pass over what was done to an image, and refuse far too many tables; raises as `check_webp`."""
    while bits.take(1):
        what = bits.take(2)
        if what == _COLOUR_TABLE:
            colours = bits.take(8) + 1
            _pass_over(bits, colours)
            width = _tiles(width, sum(colours <= most for most in (2, 4, 16)))
        elif what != _GREEN:
            size = bits.take(3) + 2
            _pass_over(bits, _tiles(width, size) * _tiles(height, size))
    _read_cache_bits(bits)
    if bits.take(1):
        size = bits.take(3) + 2
        if _tiles(width, size) * _tiles(height, size) > _MAX_TILES:
            raise errors.TruncatedImageError("The WEBP image is damaged: it has far too many tables.")


def _tiles(length: int, size_bits: int) -> int:
    return (length + (1 << size_bits) - 1) >> size_bits


def _read_cache_bits(bits: _Bits) -> int:
    return bits.take(4) if bits.take(1) else 0


def _pass_over(bits: _Bits, area: int) -> None:
    """Pass over a small image of so many pixels."""
    cache_bits = _read_cache_bits(bits)
    cached = 1 << cache_bits if cache_bits else 0
    green, red, blue, alpha, distance = (
        _read_code(bits, size) for size in (_LITERALS + _COPIES + cached, _LITERALS, _LITERALS, _LITERALS, _DISTANCES)
    )
    others = [code for code in (red, blue, alpha) if len(code) > 1]  # the only symbol of a code takes no bits
    if len(green) == 1 and not others:
        return
    while area > 0:
        symbol = bits.symbol(green)
        if symbol < _LITERALS:
            for code in others:
                bits.symbol(code)
            area -= 1
        elif symbol < _LITERALS + _COPIES:
            area -= _read_length(bits, symbol - _LITERALS)
            _read_length(bits, bits.symbol(distance))
        else:
            area -= 1


def _read_length(bits: _Bits, symbol: int) -> int:
    """Read what a symbol stands for: a number that may have more bits behind it."""
    if symbol < 4:  # noqa: PLR2004  # those have none
        return symbol + 1
    more = (symbol - 2) >> 1
    return ((2 + (symbol & 1)) << more) + bits.take(more) + 1


def _read_code(bits: _Bits, size: int) -> _Code:
    """Read how the symbols of an alphabet are coded."""
    lengths = [0] * size
    if bits.take(1):
        count = bits.take(1) + 1
        lengths[bits.take(8 if bits.take(1) else 1)] = 1
        if count > 1:
            lengths[bits.take(8)] = 1
    else:
        of_lengths = [0] * len(_LENGTHS_IN_ORDER)
        for symbol in _LENGTHS_IN_ORDER[: bits.take(4) + 4]:
            of_lengths[symbol] = bits.take(3)
        _read_lengths(bits, _code(of_lengths), lengths)
    return _code(lengths)


def _read_lengths(bits: _Bits, code: _Code, lengths: list[int]) -> None:
    """Fill in how many bits each symbol has."""
    most = 2 + bits.take(2 + 2 * bits.take(3)) if bits.take(1) else len(lengths)
    at, last = 0, 8
    while at < len(lengths) and most:
        most -= 1
        length = bits.symbol(code)
        if length <= _LONGEST:
            lengths[at] = length
            last = length or last
            at += 1
            continue
        more, least = _REPEATS[length]
        times = bits.take(more) + least
        if at + times > len(lengths):
            raise ValueError("There are more lengths than symbols.")
        lengths[at : at + times] = [last if length == min(_REPEATS) else 0] * times
        at += times


def _code(lengths: list[int]) -> _Code:
    """Return a code by the lengths of its symbols; raises ValueError where some bits would be none of them."""
    ordered = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    if len(ordered) == 1:
        return [(0, ordered[0][1])]
    longest = max((length for length, _ in ordered), default=0)
    code: _Code = [(0, 0)] * (1 << longest)
    value = 0  # of the first bits, the first of them the highest, as a share of all that there are
    for length, symbol in ordered:
        first = int(f"{value >> _LONGEST - length:0{length}b}"[::-1], 2)
        code[first :: 1 << length] = [(length, symbol)] * (1 << longest - length)
        value += 1 << _LONGEST - length
    if value != 1 << _LONGEST:
        raise ValueError("A code is not complete, or more than that.")
    return code
