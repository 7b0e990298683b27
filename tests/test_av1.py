"""`catdog_api.av1`: what the headers say is what the decoder reads, and whatever it could read otherwise is refused."""

import io

import numpy as np
import pytest
from PIL import Image

from catdog_api import errors
from catdog_api.av1 import coded_size
from catdog_api.boxes import Meter
from tests.avif_parts import (
    FRAME,
    SEQUENCE,
    Item,
    avif,
    from_bits,
    hidden,
    ispe,
    moving,
    piece,
    sequence_and_frame,
)

_AV1, _CONFIG = moving()
_BITS, _FRAME = sequence_and_frame(_AV1)
_ONE_POINT = "0" * 17
_TIMES = "1" + f"{1:032b}{30:032b}"


def _sequence(times: str = "0", points: str = "000000" + _ONE_POINT, ids: str = "0", tools: str = _BITS[57:]) -> bytes:
    """Return the header that Pillow writes, with some of its fields replaced."""
    return piece(SEQUENCE, from_bits(_BITS[:5] + times + points + _BITS[29:49] + ids + _BITS[50:57] + tools))


def _pixels(av1: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(avif(Item(av1, (ispe(64, 48), _CONFIG))))))


@pytest.mark.parametrize(
    "sequence",
    [
        pytest.param(_sequence(), id="as-it-is"),
        pytest.param(_sequence(times=_TIMES + "00"), id="times"),
        pytest.param(_sequence(times=_TIMES + "1" + "00101" + "0"), id="times-all-alike"),
        pytest.param(_sequence(points="100000" + _ONE_POINT + "10101"), id="a-delay"),
        pytest.param(_sequence(points="100000" + _ONE_POINT + "0"), id="no-delay"),
        pytest.param(_sequence(points="000001" + (_ONE_POINT[:12] + "01000" + "1") * 2), id="two-points-with-tiers"),
    ],
)
def test_a_header_may_say_more_and_is_read_as_the_decoder_reads_it(sequence: bytes) -> None:
    av1 = sequence + piece(FRAME, _FRAME)
    assert coded_size(av1, Meter()) == (64, 48)
    assert np.array_equal(_pixels(av1), _pixels(_AV1))


def test_a_frame_may_have_a_number() -> None:
    head = f"{int.from_bytes(_FRAME[:2]):016b}"
    numbered = from_bits(head[:6] + "11111111" + head[6:]) + _FRAME[2:]
    av1 = _sequence(ids="1" + "0101" + "000") + piece(FRAME, numbered)
    assert coded_size(av1, Meter()) == (64, 48)
    assert np.array_equal(_pixels(av1), _pixels(_AV1))


@pytest.mark.parametrize(
    ("tools", "before"),
    [
        pytest.param("0" + "00", "00010", id="nothing-is-left-to-the-frame"),
        pytest.param("0" + "01" + "1", "00010" + "1", id="its-motion"),
        pytest.param("0" + "01" + "00", "00010", id="nothing-and-both-are-set"),
        pytest.param("100" + "1" + "1", "00010" + "1" + "1", id="both"),
        pytest.param("100" + "1" + "1", "00010" + "0", id="both-and-it-wants-none"),
    ],
)
def test_a_frame_of_another_size_is_found_wherever_it_says_so(tools: str, before: str) -> None:
    sequence = _sequence(tools=tools)
    assert coded_size(sequence + piece(FRAME, from_bits(before + "0")), Meter()) == (64, 48)
    with pytest.raises(errors.TruncatedImageError, match="another size"):
        coded_size(sequence + piece(FRAME, from_bits(before + "1")), Meter())


_SHOWN = piece(FRAME, _FRAME)


@pytest.mark.parametrize(
    ("av1", "error", "why"),
    [
        pytest.param(_AV1 + _SHOWN, errors.UnsupportedFormatError, "several frames", id="two-frames"),
        pytest.param(_AV1 + piece(3, _FRAME), errors.UnsupportedFormatError, "several frames", id="a-header-alone"),
        pytest.param(_AV1 + piece(7, _FRAME), errors.UnsupportedFormatError, "several frames", id="a-header-again"),
        pytest.param(_sequence() + piece(FRAME, hidden(_FRAME)), errors.TruncatedImageError, "not shown", id="hidden"),
        pytest.param(_sequence() + piece(3, b"\x80"), errors.TruncatedImageError, "not shown", id="an-earlier-one"),
        pytest.param(
            _sequence() + piece(FRAME, b"\x30"), errors.TruncatedImageError, "not shown", id="not-a-key-frame"
        ),
        pytest.param(_SHOWN, errors.TruncatedImageError, "what its frame is like", id="a-frame-first"),
        pytest.param(_AV1 + _sequence(), errors.TruncatedImageError, "says twice", id="two-sequences"),
        pytest.param(_sequence(), errors.TruncatedImageError, "no frame", id="no-frame"),
        pytest.param(b"", errors.TruncatedImageError, "no frame", id="nothing"),
        pytest.param(_sequence(times=_TIMES + "01"), errors.UnsupportedFormatError, "model", id="a-decoder-model"),
        pytest.param(_sequence(times=_TIMES + "1" + "0" * 40), ValueError, "no end", id="an-endless-number"),
        pytest.param(piece(SEQUENCE, b"\0"), ValueError, "header ends early", id="half-a-header"),
        pytest.param(b"\x0a" + b"\xff" * 9, ValueError, "no end", id="an-endless-size"),
        pytest.param(b"\x0a\x05\0", ValueError, "piece ends early", id="half-a-piece"),
        pytest.param(b"\x0c", ValueError, "piece ends early", id="half-a-head"),
        pytest.param(b"\x12\0" * 9000, errors.TruncatedImageError, "too many parts", id="countless-pieces"),
    ],
)
def test_what_is_not_one_frame_is_refused(av1: bytes, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        coded_size(av1, Meter())


def test_a_piece_may_say_of_which_layer_it_is_and_the_last_one_not_how_long_it_is() -> None:
    before = _AV1[2 : -len(_SHOWN)]
    av1 = b"\x16\0\0" + before + bytes([FRAME << 3]) + _FRAME
    assert coded_size(av1, Meter()) == (64, 48)
    assert np.array_equal(_pixels(av1), _pixels(_AV1))
