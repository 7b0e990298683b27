"""`catdog_api.decoding`: whatever is wrong with a file is refused, by name, soon, and in little memory."""

import functools
import random
import struct
import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFile

from catdog_api import errors
from catdog_api.decoding import decode
from tests.images import FILES, encode, heic, patched, png, png_chunk, quarters, tiff

_look = functools.partial(decode, size=32, max_pixels=1_000_000)
every_file = pytest.mark.parametrize(("name", "make"), [pytest.param(*FILES[key], id=key) for key in FILES])


@every_file
def test_every_cut_is_refused_or_gives_the_pixels_of_the_whole(name: str, make: Callable[[], bytes]) -> None:
    data = make()
    whole = _look(data).image
    for length in range(len(data)):
        try:
            decoded = _look(data[:length])
        except (errors.EmptyImageError, errors.NotAnImageError, errors.TruncatedImageError):
            continue
        assert np.array_equal(decoded.image, whole), f"{name} cut to {length} of {len(data)} bytes"


@every_file
def test_damage_of_any_kind_is_refused_or_survived(name: str, make: Callable[[], bytes]) -> None:
    data, chance = make(), random.Random(name)  # noqa: S311 - the same damage in each run
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert _look(bytes(damaged)).image.shape == (32, 32, 3)
        except errors.ImageError as error:
            assert str(error).endswith(".")  # noqa: PT017 - any of the tree will do


def _sized(name: str, width: int, height: int) -> bytes:
    """Return a small file whose header announces a large image."""
    if name == "TIFF":
        return tiff(t256=(4, 1, width), t257=(4, 1, height))
    data = encode(quarters(), name)
    at, size = {
        "JPEG": (data.find(b"\xff\xc0") + 5, struct.pack(">HH", height, width)),
        "PNG": (8, png_chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0))),
        "GIF": (6, struct.pack("<HH", width, height)),
        "BMP": (18, struct.pack("<LL", width, height)),
        "WEBP": (26, struct.pack("<HH", width, height)),
        "AVIF": (data.find(b"ispe") + 8, struct.pack(">LL", width, height)),
    }[name]
    return patched(data, at, size)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF", "TIFF"])
def test_more_pixels_than_allowed_are_refused_by_the_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("pixels were loaded"))
    with pytest.raises(errors.TooManyPixelsError, match=r"9000 x 8000 pixels; at most 1,000,000"):
        _look(_sized(name, 9000, 8000))


def test_as_many_pixels_as_allowed_are_decoded() -> None:
    assert decode(encode(quarters(50, 40), "PNG"), 32, max_pixels=2000).width == 50
    with pytest.raises(errors.TooManyPixelsError):
        decode(encode(quarters(50, 40), "PNG"), 32, max_pixels=1999)


def test_more_pixels_than_pillow_allows_are_too_many_as_well() -> None:
    frame = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0" + struct.pack("<HH", 65535, 65535) + b"\0\2\0;"
    with pytest.raises(errors.TooManyPixelsError, match="more memory"):
        _look(frame)


def _jpeg_with(extra: bytes, at: int = 2, **options: bool) -> bytes:
    data = encode(quarters(), "JPEG", **options)
    at = at if at >= 0 else len(data) + at
    return data[:at] + extra + data[at:]


_ZIPPED = zlib.compress(bytes(5_000_000), 9)
_LONG_TEXT = zlib.compress(("a" * 1_000_000 + "\U0001f600").encode(), 9)  # in Python four bytes a letter
_LONG_TEXTS = [png_chunk(b"iTXt", b"k%02d\0\1\0\0\0" % number + _LONG_TEXT) for number in range(9)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(_jpeg_with(b"\xff\xe1\0\x0cExif\0\0abcd" * 600), "parts", id="jpeg-segments"),
        pytest.param(_jpeg_with(b"\xff" * 600), "parts", id="jpeg-padding"),
        pytest.param(
            _jpeg_with(b"\xff\xda\0\x08\1\1\0\1\5\1" * 20_000, -2, progressive=True), "scans", id="jpeg-scans"
        ),
        pytest.param(
            _jpeg_with(b"\0" + b"\xff\xda\0\x08\1\1\0\1\5\1" * 20_000, -2, progressive=True),
            "scans",
            id="jpeg-scans-one-byte-on",
        ),
        pytest.param(
            encode(quarters(), "PNG")[:33] + png_chunk(b"iCCP", b"x\0\0" + _ZIPPED), "ends early", id="png-profile"
        ),
        pytest.param(
            encode(quarters(), "PNG")[:33] + png_chunk(b"zTXt", b"x\0\0" + _ZIPPED), "ends early", id="png-text"
        ),
        pytest.param(png(8, 0, bytes(2), (1, 1), *_LONG_TEXTS), "ends early", id="png-texts"),
        pytest.param(tiff(t273=(4, 70_000, 800)), "parts", id="tiff-strips"),
        pytest.param(tiff(t273=(1, 70_000, 800)), "parts", id="tiff-strips-of-bytes"),
        pytest.param(tiff(t282=(5, 70_000, 800)), "parts", id="tiff-numbers"),
        pytest.param(
            tiff(t280=(4, 4, 900)).replace(struct.pack("<HHL", 280, 4, 4), struct.pack("<HHL", 279, 4, 4)),
            "parts",
            id="tiff-tag-twice",
        ),
        pytest.param(b"II*\0\x08\0\0\0" + b"\xff\xff" + bytes(100), "ends early", id="tiff-cut-directory"),
        pytest.param(b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**40), "parts", id="big-tiff-tags"),
        pytest.param(tiff(t278=(4, 1, 3)), "ends early", id="tiff-strips-that-overlap"),
        pytest.param(tiff(t273=(4, 2, 800)), "ends early", id="tiff-strips-missing"),
        pytest.param(
            tiff(t279=(4, 1, 5000), t273=(4, 1, 1000), t278=(4, 1, 4)), "ends early", id="tiff-strips-beyond-the-end"
        ),
        pytest.param(tiff(bytes(3)), "ends early", id="tiff-cut"),
        pytest.param(tiff(t322=(2, 4, 0x616161), t323=(4, 1, 400_000_000)), "no size", id="tiff-tiles-of-text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(50), "ends early", id="png-of-nothing"),
    ],
)
def test_damage_that_would_cost_seconds_is_refused_at_once(data: bytes, why: str) -> None:
    with pytest.raises(errors.TruncatedImageError, match=why):
        _look(data)


def test_a_png_may_carry_a_long_history() -> None:
    assert _look(png(8, 0, bytes(2), (1, 1), *_LONG_TEXTS[:4])).width == 1


def test_memory_that_is_not_to_be_had_is_too_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: ImageFile.ImageFile) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    with pytest.raises(errors.TooManyPixelsError, match="more memory"):
        _look(encode(quarters(), "PNG"))


def test_a_large_image_of_few_bytes_is_no_photograph() -> None:
    data = encode(Image.new("1", (5000, 2501)), "PNG")
    with pytest.raises(errors.TooManyPixelsError, match=f"5000 x 2501 pixels in {len(data):,} bytes"):
        decode(data, 32, max_pixels=50_000_000)
    assert decode(encode(Image.new("1", (5000, 2500)), "PNG"), 32, max_pixels=50_000_000).height == 2500


def test_a_file_of_thousands_of_pieces_is_refused_soon() -> None:
    data = encode(quarters(), "PNG")
    with pytest.raises(errors.TruncatedImageError, match="far too many parts"):
        _look(data[:33] + png_chunk(b"abCd") * 10_000 + data[33:])


def test_rubbish_between_a_jpegs_segments_is_passed() -> None:
    data = _jpeg_with(b"\xff\xd0ab\xff\xe5\0\4xy")
    assert _look(data).format == "JPEG"


def test_no_bytes_are_an_empty_image() -> None:
    with pytest.raises(errors.EmptyImageError):
        _look(b"")


@pytest.mark.parametrize("data", [b"\0", b"hello", b"BM, not a bitmap at all", b"\0\0\0\x18ftypmp42", bytes(9999)])
def test_bytes_that_begin_like_no_image_are_not_an_image(data: bytes) -> None:
    with pytest.raises(errors.NotAnImageError, match=f"The {len(data)} bytes"):
        _look(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", id="svg"),
        pytest.param(b"\xef\xbb\xbf\n<?xml version='1.0'?><!-- a cat -->\n<svg>", "SVG", id="svg-xml"),
        pytest.param(b"%PDF-1.7", "PDF", id="pdf"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript", id="eps"),
        *(
            pytest.param(encode(quarters(), name), said, id=name.lower())
            for name, said in {
                "ICO": "icon",
                "ICNS": "icon",
                "PPM": "Netpbm",
                "PCX": "PCX",
                "JPEG2000": "JPEG 2000",
                "DDS": "DDS",
                "EPS": "PostScript",
                "PDF": "PDF",
            }.items()
        ),
        pytest.param(b"8BPS\0\1", "Photoshop", id="psd"),
        pytest.param(b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", id="jpeg-xl"),
    ],
)
def test_other_image_formats_are_named_and_refused(data: bytes, name: str) -> None:
    with pytest.raises(errors.UnsupportedFormatError, match=f"^{name} images are not accepted; send JPEG, PNG"):
        _look(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        pytest.param(tiff(t259=(4, 1, 34925)), "lzma", id="tiff-lzma"),
        pytest.param(tiff(t259=(4, 1, 4), t258=(4, 1, 1)), "group4", id="tiff-fax"),
        pytest.param(patched(encode(Image.new("P", (8, 8)), "BMP"), 30, b"\1"), "Run-length", id="bmp-rle"),
        pytest.param(encode(quarters(), "JPEG").replace(b"\xff\xc0", b"\xff\xc9"), "JPEG", id="jpeg-arithmetic"),
        pytest.param(encode(quarters(), "JPEG").replace(b"\xff\xc0", b"\xff\xc3"), "JPEG", id="jpeg-lossless"),
        pytest.param(
            encode(quarters(), "TIFF", compression="jpeg").replace(b"\xff\xc0", b"\xff\xc9"),
            "TIFF of JPEG",
            id="tiff-arithmetic",
        ),
    ],
)
def test_kinds_that_are_no_photographs_are_refused(data: bytes, what: str) -> None:
    with pytest.raises(errors.UnsupportedFormatError, match=what):
        _look(data)


def test_heic_without_its_extra_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(quarters())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(errors.UnsupportedFormatError, match=r"HEIC.*extra 'heic'"):
        _look(data)
