"""What the AV1 of one still image says of itself, before a decoder sees it (AV1 specification, 5.3 to 5.9).

A decoder goes by this, whatever the file around it announces, and decodes each frame that it finds, shown or not.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from catdog_api import errors
from catdog_api.boxes import Meter

_SEQUENCE_HEADER: Final = 1  # the types of pieces
_FRAMES: Final = frozenset({3, 6, 7})  # a frame's header, a frame, and a header again, which dav1d takes for the first
_SHOWN_KEY_FRAME: Final = 0b0001  # no earlier one again, of type 0, shown
_LEFT_TO_THE_FRAME: Final = 2
_LONGEST_SIZE: Final = 8  # bytes, of 7 bits each
_LONGEST_NUMBER: Final = 32  # bits
_TIERED: Final = 7  # the level above which a tier is told
_HEADER_BYTES: Final = 256  # no header needs more, and Python takes a piece of a number in time with its length


class _Bits:
    """The bits of a header, from its start; raises ValueError where it ends early."""

    def __init__(self, header: bytes) -> None:
        self._number, self._left = int.from_bytes(header[:_HEADER_BYTES]), 8 * len(header[:_HEADER_BYTES])

    def take(self, count: int) -> int:
        """Read a number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise ValueError("A header ends early.")
        return self._number >> self._left & (1 << count) - 1


class _Sequence(NamedTuple):
    """What a sequence header says: the size, and what has to be known to read the header of a frame."""

    width: int
    height: int
    reduced: bool = True
    screen_content: int = 0
    whole_motion: int = 0
    id_bits: int = 0


def coded_size(data: bytes, meter: Meter) -> tuple[int, int]:
    """Return width and height of the one frame that there is.

    Args:
        data: All pieces (OBUs) of an item.
        meter: Counts them among the parts of the file.

    Raises:
        TruncatedImageError: There is no frame, or one that is of another size, not shown, or without what it needs.
        UnsupportedFormatError: There are several, which are layers; or its header is of a kind that is not followed.
        ValueError: A piece ends early; IndexError likewise.
    """
    sequence = None
    frames = 0
    for kind, piece in _pieces(data, meter):
        if kind == _SEQUENCE_HEADER:
            if sequence:
                raise errors.TruncatedImageError("The AVIF image is damaged: it says twice what its frames are like.")
            sequence = _read_sequence(_Bits(piece))
        elif kind in _FRAMES:
            frames += 1
            if not sequence:
                raise errors.TruncatedImageError("The AVIF image is damaged: it does not say what its frame is like.")
            if frames > 1:
                raise errors.UnsupportedFormatError("AVIF images of several frames or layers are not accepted.")
            _check_frame(_Bits(piece), sequence)
    if not (sequence and frames):
        raise errors.TruncatedImageError("The AVIF image is damaged: it has no frame.")
    return sequence.width, sequence.height


def _pieces(data: bytes, meter: Meter) -> Iterator[tuple[int, bytes]]:
    """Yield each piece's type and content."""
    at = 0
    while at < len(data):
        meter.spend(1)
        head = data[at]
        at += 2 if head & 0b100 else 1  # behind it is which layer the piece is of
        size = len(data) - at
        if head & 0b10:
            size = 0
            for place in range(_LONGEST_SIZE):
                size |= (data[at + place] & 0x7F) << 7 * place
                if data[at + place] < 0x80:  # noqa: PLR2004  # the highest bit: there is more
                    break
            else:
                raise ValueError("A size has no end.")
            at += place + 1
        if not 0 <= size <= len(data) - at:
            raise ValueError("A piece ends early.")
        yield head >> 3 & 0b1111, data[at : at + size]
        at += size


def _read_sequence(bits: _Bits) -> _Sequence:
    bits.take(4)  # the profile; that it is one picture
    reduced = bool(bits.take(1))
    if reduced:
        bits.take(5)  # the level
    else:
        _pass_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(width_bits) + 1, bits.take(height_bits) + 1
    if reduced:
        return _Sequence(width, height)
    id_bits = bits.take(4) + bits.take(3) + 3 if bits.take(1) else 0
    bits.take(7)  # the size of blocks, two filters, four ways of prediction
    if bits.take(1):  # frames have an order
        bits.take(2)
    screen_content = _LEFT_TO_THE_FRAME if bits.take(1) else bits.take(1)
    whole_motion = _LEFT_TO_THE_FRAME if not screen_content or bits.take(1) else bits.take(1)
    return _Sequence(width, height, reduced, screen_content, whole_motion, id_bits)


def _pass_operating_points(bits: _Bits) -> None:
    """Read the times of frames, and for whom which layers are; raises UnsupportedFormatError, ValueError."""
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            for zeros in range(_LONGEST_NUMBER):
                if bits.take(1):
                    bits.take(zeros)
                    break
            else:
                raise ValueError("A number has no end.")
        if bits.take(1):
            raise errors.UnsupportedFormatError("AVIF images with a model of a decoder are not accepted.")
    delayed = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > _TIERED:
            bits.take(1)
        if delayed and bits.take(1):
            bits.take(4)


def _check_frame(bits: _Bits, sequence: _Sequence) -> None:
    """Refuse a frame that is not a picture of the sequence's size; raises TruncatedImageError, ValueError."""
    if sequence.reduced:  # it can be nothing else
        return
    if bits.take(4) != _SHOWN_KEY_FRAME:
        raise errors.TruncatedImageError("The AVIF image is damaged: its frame is not shown, or not a whole one.")
    bits.take(1)  # whether probabilities adapt
    screen_content = bits.take(1) if sequence.screen_content == _LEFT_TO_THE_FRAME else sequence.screen_content
    if screen_content and sequence.whole_motion == _LEFT_TO_THE_FRAME:
        bits.take(1)
    bits.take(sequence.id_bits)
    if bits.take(1):
        raise errors.TruncatedImageError("The AVIF image is damaged: its frame is of another size than it says.")
