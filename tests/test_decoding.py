"""`catdog_api.decoding`: every format, mode and orientation shows its own colours."""

import functools
import struct
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ExifTags, Image, JpegImagePlugin, _avif

from catdog_api import errors
from catdog_api.decoding import GROUND, Decoded, decode
from tests.images import FILES, MODES, QUARTERS, RED, WHITE, encode, png_chunk, quarters, tiff

_look = functools.partial(decode, size=32, max_pixels=1_000_000)
every_file = pytest.mark.parametrize(("name", "make"), [pytest.param(*FILES[key], id=key) for key in FILES])


def _assert_shows(decoded: Decoded, colours: object, tolerance: int) -> None:
    """Compare the middles of the four quarters with four RGB colours or greys."""
    assert decoded.image.shape == (32, 32, 3)
    assert decoded.image.dtype == np.uint8
    found = decoded.image[[8, 24]][:, [8, 24]].astype(int)
    expected = np.array(colours)
    expected = expected if expected.ndim == 3 else np.stack([expected] * 3, axis=-1)
    assert np.abs(found - expected).max() <= tolerance, found


@every_file
def test_every_format_gives_the_first_frame_and_the_photographs_own_size(name: str, make: Callable[[], bytes]) -> None:
    decoded = _look(make())
    _assert_shows(decoded, QUARTERS, tolerance=24)  # codecs that are not exact, at their default quality
    assert decoded.width * 3 == decoded.height * 4
    assert decoded.format == name


@pytest.mark.parametrize(("data", "colours"), [pytest.param(*MODES[key], id=key) for key in MODES])
def test_every_mode_gives_its_colours_on_white(data: bytes, colours: object) -> None:
    _assert_shows(_look(data), colours, tolerance=12)  # LAB in 8 bits, and 2 x 2 pixels enlarged


def test_transparent_pixels_lend_no_colour_to_their_neighbours() -> None:
    stripes = np.zeros((64, 64, 4), np.uint8)
    stripes[:, ::2] = (*WHITE, 255)  # between them: black, wholly transparent
    assert _look(encode(Image.fromarray(stripes), "PNG")).image.min() >= 253


_CORNERS = {1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "cadb", 7: "dbca", 8: "bdac"}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", _CORNERS)
def test_the_photograph_stands_upright(name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    decoded = _look(encode(quarters(), name, exif=exif))
    colours = dict(zip("abcd", [*QUARTERS[0], *QUARTERS[1]], strict=True))
    a, b, c, d = (colours[corner] for corner in _CORNERS[orientation])
    _assert_shows(decoded, ((a, b), (c, d)), tolerance=24)
    assert (decoded.width, decoded.height) == ((48, 64) if orientation > 4 else (64, 48))


@pytest.mark.parametrize(
    "exif",
    [
        pytest.param(b"Exif\0\0rubbish", id="rubbish"),
        pytest.param(b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01", id="cut"),
        pytest.param(
            b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHLL", 274, 3, 1, 9) + bytes(4), id="orientation-9"
        ),
        pytest.param(
            b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHL4s", 274, 2, 4, b"up\0\0") + bytes(4), id="text"
        ),
        pytest.param(b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHLL", 283, 5, 99, 999) + bytes(4), id="far-away"),
    ],
)
def test_broken_exif_is_ignored(exif: bytes) -> None:
    _assert_shows(_look(encode(quarters(), "JPEG", exif=exif)), QUARTERS, tolerance=24)


def test_what_pillow_warns_of_is_not_heard_even_where_warnings_are_errors() -> None:
    data = encode(quarters(), "PNG")
    odd = data[:33] + png_chunk(b"acTL", bytes(8)) + data[33:]  # an animation of no frames
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [_look(odd).format, _look(odd).format] == ["PNG", "PNG"]


def test_what_pillow_has_against_an_image_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(errors.TruncatedImageError):
        _look(tiff(t277=(4, 1, 1025)))
    assert not caplog.records


@pytest.mark.parametrize(
    ("width", "height", "least"),
    [
        pytest.param(700, 500, 64, id="to twice the square"),
        pytest.param(180, 128, 64, id="to a half and just that"),
        pytest.param(179, 127, 39, id="to a half alone and 1.2 times"),
    ],
)
def test_a_large_jpeg_is_not_decoded_in_full_and_looks_the_same(
    width: int, height: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC), "JPEG", quality=95)
    drafted = _look(data)
    loaded: list[tuple[int, ...]] = []
    monkeypatch.setattr(
        JpegImagePlugin.JpegImageFile, "draft", lambda image, _, size: loaded.append((*image.size, *size))
    )
    full = _look(data)
    assert loaded == [(width, height, least, least)]
    assert (drafted.width, drafted.height) == (width, height)
    assert 0 < np.abs(drafted.image.astype(int) - full.image).mean() < 1.5


def test_an_avif_is_decoded_in_one_thread_however_many_cores_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    pillows = _avif.AvifDecoder

    def decoder(data: bytes, codec: str, most: int) -> object:
        threads.append(most)
        return pillows(data, codec, most)

    data = encode(quarters(), "AVIF")
    monkeypatch.setattr(_avif, "AvifDecoder", decoder)
    assert _look(data).format == "AVIF"
    assert threads == [1]


def test_many_threads_decode_the_same() -> None:
    files = [make() for _, make in FILES.values()] * 8
    with ThreadPoolExecutor(8) as pool:
        images = [decoded.image for decoded in pool.map(_look, files)]
    assert all(np.array_equal(images[i], images[i % len(FILES)]) for i in range(len(images)))


@pytest.mark.parametrize(
    ("size", "orientation", "rows", "columns"),
    [
        pytest.param((170, 100), 1, slice(0, 32), slice(0, 32), id="wide"),
        pytest.param((400, 100), 1, slice(12, 20), slice(0, 32), id="a-panorama"),
        pytest.param((100, 200), 1, slice(0, 32), slice(8, 24), id="a-tower"),
        pytest.param((400, 100), 6, slice(0, 32), slice(12, 20), id="a-panorama-turned"),
    ],
)
def test_a_photograph_is_squashed_unless_that_would_deform_it(
    size: tuple[int, int], orientation: int, rows: slice, columns: slice
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    decoded = _look(encode(Image.new("RGB", size, RED), "PNG", exif=exif))
    ground = np.full((32, 32, 3), GROUND)
    ground[rows, columns] = RED
    assert np.array_equal(decoded.image, ground)
    assert np.array_equal(decoded.shown, decoded.image[rows, columns])


def test_an_image_of_extreme_shape_costs_no_more_than_its_pixels() -> None:
    decoded = decode(encode(Image.new("L", (60_000, 1), 99), "PNG"), 32, max_pixels=60_000)
    assert (decoded.width, decoded.height, decoded.shown.min(), decoded.shown.max()) == (60_000, 1, 99, 99)
