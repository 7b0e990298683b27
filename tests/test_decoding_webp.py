"""WebP without loss: what goes before its pixels is read, and far too many tables are refused."""

import numpy as np
import pytest
from PIL import Image

from catdog_api import errors
from catdog_api.decoding import decode
from catdog_api.webp import check_webp
from tests.images import encode, quarters
from tests.webp_parts import (
    Bits,
    canvas,
    chunk,
    code,
    film,
    number,
    of_tables,
    only,
    packed,
    riff,
    webp_of_tables,
    without_loss,
    written,
)

WIDTH, HEIGHT = 90, 70
PIXELS = WIDTH * HEIGHT
MOST = 4096
PLAIN = [0, 0, 0]
"""Nothing was done to it, and it has neither a cache nor tables of its own for tiles."""

ONE_EACH = [1, 0, 0, 0] * 5
SOME = 252
"""Pixels in a small image of 256, behind the first four."""


def pictures() -> dict[str, Image.Image]:
    """Return pictures of the kinds that an encoder tells apart."""
    chance = np.random.default_rng(3)
    soft = Image.fromarray(chance.integers(0, 256, (6, 8, 4), np.uint8)).resize((WIDTH, HEIGHT))
    grain = chance.integers(0, 9, (HEIGHT, WIDTH, 1), np.uint8)
    few = chance.integers(0, 4, (HEIGHT, WIDTH), np.uint8)
    return {
        "noise": Image.fromarray(chance.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)),
        "photograph": Image.fromarray(np.asarray(soft.convert("RGB")) // 2 + grain),
        "transparent": soft,
        "two-colours": Image.fromarray(few // 2 * 200),
        "four-colours": Image.fromarray(few * 60),
        "twelve-colours": Image.fromarray(few * 60 + grain[..., 0] % 3),
        "many-colours": Image.fromarray(chance.integers(0, 256, (HEIGHT, WIDTH), np.uint8)),
        "one-colour": Image.new("RGB", (WIDTH, HEIGHT), (9, 99, 199)),
    }


@pytest.mark.parametrize("method", [0, 3, 6])
@pytest.mark.parametrize("kind", pictures())
def test_what_was_made_without_loss_is_decoded_without_loss(kind: str, method: int) -> None:
    picture = pictures()[kind]
    data = encode(picture, "WEBP", lossless=True, exact=True, method=method, quality=100 if method else 0)
    expected = decode(encode(picture, "PNG"), 32, max_pixels=PIXELS)
    assert np.array_equal(decode(data, 32, max_pixels=PIXELS).image, expected.image)


@pytest.mark.parametrize("method", [0, 6])
def test_alpha_without_loss_is_decoded(method: int) -> None:
    data = encode(pictures()["transparent"], "WEBP", quality=90, method=method)
    assert b"ALPH" in data
    assert decode(data, 32, max_pixels=PIXELS).format == "WEBP"


def lossy(width: int, height: int) -> bytes:
    """Return the chunk of an image with loss."""
    data = encode(Image.new("RGB", (width, height)), "WEBP", quality=50)
    return data[data.index(b"VP8 ") :]


def with_alpha(width: int, height: int, alpha: bytes) -> bytes:
    """Return an image with loss and an alpha of its own."""
    return riff(canvas(width, height, 16), chunk(b"ALPH", alpha), lossy(width, height))


def test_alpha_may_be_written_as_it_is() -> None:
    data = with_alpha(16, 12, b"\0" + bytes(16 * 12))
    assert decode(data, 32, max_pixels=PIXELS).image.min() == 255


MANY = of_tables(MOST + 64)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(riff(without_loss(256, 260, MANY)), id="an-image"),
        pytest.param(film(256, 260, without_loss(256, 260, MANY)), id="a-film"),
        pytest.param(with_alpha(256, 260, b"\1" + packed(MANY)), id="alpha"),
        pytest.param(webp_of_tables(), id="as-many-as-can-be"),
    ],
)
def test_far_too_many_tables_are_refused(data: bytes) -> None:
    with pytest.raises(errors.TruncatedImageError, match="far too many tables"):
        decode(data, 32, max_pixels=2_000_000)


def test_many_tables_are_read() -> None:
    data = riff(without_loss(256, 256, of_tables(MOST)))
    assert decode(data, 32, max_pixels=256 * 256).format == "WEBP"


LENGTHS = {1: 2, 2: 2, 17: 2, 18: 2}
GREENS = {0: 1, 271: 2, 280: 2}
"""Of a small image: a colour, a copy of 193 to 256 pixels, and the first colour of the cache."""

SAID = [(1, []), (18, number(127, 7)), (18, number(121, 7)), (2, []), (17, number(5, 3)), (2, [])]


def most(count: int) -> Bits:
    """Return how many lengths are said: the rest of the alphabet is not there."""
    return [1, *number(1, 3), *number(count - 2, 4)]


def predicted(small: Bits) -> bytes:
    """Return an image of 64 x 64 pixels with a small one of 16 x 16 that says how they are predicted."""
    return riff(without_loss(64, 64, [1, *number(0, 2), *number(0, 3), *small, *PLAIN, *ONE_EACH, *[0] * 64]))


def test_a_small_image_of_copies_and_of_cached_colours_is_passed_over() -> None:
    codes = code(LENGTHS, SAID, most(6)) + only(0) + only(0) + only(0) + only(1)
    pixels = written(GREENS, 0) + written(GREENS, 280) * 3 + written(GREENS, 271) + number(SOME - 193, 6)
    data = predicted([1, *number(1, 4), *codes, *pixels])
    assert decode(data, 32, max_pixels=64 * 64).format == "WEBP"


@pytest.mark.parametrize(
    ("small", "error", "why"),
    [
        pytest.param(code({1: 1, 2: 2}, [(1, [])] * 2, most(2)), ValueError, "not complete", id="an-incomplete-code"),
        pytest.param(code(LENGTHS, [(1, [])] * 3, most(3)), ValueError, "more than that", id="too-full"),
        pytest.param(
            code({1: 1, 18: 1}, [(18, number(127, 7))] * 3, most(3)), ValueError, "more lengths", id="lengths"
        ),
        pytest.param(only(0) * 4, ValueError, "ends early", id="cut"),
    ],
)
def test_nonsense_before_the_pixels_is_damage(small: Bits, error: type[Exception], why: str) -> None:
    data = riff(without_loss(64, 64, [1, *[0] * 5, 0, *small]))
    with pytest.raises(error, match=why):
        check_webp(data)
    with pytest.raises(errors.TruncatedImageError, match="ends early"):
        decode(data, 32, max_pixels=64 * 64)


def test_a_small_image_that_is_large_is_damage() -> None:
    two = [1, 1, 0, 0, *number(1, 8)]
    bits = [1, *[0] * 5, 0, *two, *ONE_EACH[:16], *[0] * 250_000]
    with pytest.raises(errors.TruncatedImageError, match="far too many parts"):
        check_webp(riff(without_loss(16_383, 16_383, bits)))


@pytest.mark.parametrize("part", [chunk(b"ABCD", b""), chunk(b"ANMF", b"")], ids=["chunks", "frames"])
def test_only_so_many_parts_come_before_an_image(part: bytes) -> None:
    image = encode(quarters(), "WEBP")[12:]
    check_webp(riff(canvas(64, 48, 0), *[part] * 200, image))
    with pytest.raises(errors.TruncatedImageError, match="far too many parts"):
        decode(riff(canvas(64, 48, 0), *[part] * 300, image), 32, max_pixels=PIXELS)


def test_a_file_without_an_image_is_damage() -> None:
    with pytest.raises(errors.TruncatedImageError, match="ends early"):
        decode(riff(canvas(16, 12, 0)), 32, max_pixels=PIXELS)


def test_what_comes_with_loss_alone_is_not_looked_at() -> None:
    assert decode(encode(quarters(), "WEBP"), 32, max_pixels=PIXELS).format == "WEBP"
