"""TIFF, whose parts may be JPEGs, or say what they are not."""

import pytest
from PIL import Image

from catdog_api import errors
from catdog_api.decoding import decode
from tests.images import EMPTY_REFINEMENT, encode, quarters, tiff
from tests.tiff_parts import tiff_of_jpeg, tiff_of_shared_bytes

_GREY = encode(quarters().convert("L"), "JPEG", progressive=True)
_GREY_SCANS = _GREY[:-2] + EMPTY_REFINEMENT * 50 + _GREY[-2:]
_TILED = {"t322": (4, 1, 64), "t323": (4, 1, 48), "t324": (4, 1, 1000)}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({}, "TIFF image is damaged: it has far too many scans", id="a-strip"),
        pytest.param({"t278": (4, 1, 2**32 - 1)}, "far too many scans", id="a-strip-of-any-height"),
        pytest.param(_TILED | {"t325": (4, 1, len(_GREY_SCANS))}, "far too many scans", id="a-tile"),
        pytest.param({"t278": (4, 1, 0)}, "no size", id="a-strip-of-no-height"),
        pytest.param({"t279": (4, 1, 0)}, "no size", id="a-strip-of-no-bytes"),
        pytest.param({"t279": (4, 0, 0)}, "no size", id="a-strip-of-unknown-length"),
    ],
)
def test_the_scans_of_a_jpeg_within_a_tiff_are_counted(changes: dict[str, tuple[int, int, int]], why: str) -> None:
    few = tiff_of_jpeg(_GREY, (64, 48))
    assert decode(few, 32, max_pixels=64 * 48).format == "TIFF"
    with pytest.raises(errors.TruncatedImageError, match=why):
        decode(tiff_of_jpeg(_GREY_SCANS, (64, 48), **changes), 32, max_pixels=64 * 48)


def test_a_tiff_of_many_jpegs_has_a_scan_for_each() -> None:
    data = encode(quarters(800, 600), "TIFF", compression="jpeg", strip_size=800 * 3 * 16)
    assert data.count(b"\xff\xda") > 30
    assert decode(data, 32, max_pixels=800 * 600).format == "TIFF"


def test_huge_tiles_are_too_many_pixels() -> None:
    with pytest.raises(errors.TooManyPixelsError, match="tiles"):
        decode(tiff(t322=(4, 1, 50_000), t323=(4, 1, 50_000)), 32, max_pixels=100_000_000)


def test_they_are_counted_of_the_image_as_it_is_stored_however_it_is_turned() -> None:
    jpeg = encode(Image.new("L", (400, 4)), "JPEG", progressive=True)
    turned = {"t274": (3, 1, 6)}
    assert decode(tiff_of_jpeg(jpeg, (400, 4), **turned), 32, max_pixels=1600).width == 4
    scans = jpeg[:-2] + EMPTY_REFINEMENT * 50 + jpeg[-2:]
    with pytest.raises(errors.TruncatedImageError, match="far too many scans"):
        decode(tiff_of_jpeg(scans, (400, 4), **turned), 32, max_pixels=1600)


def test_a_tag_of_thousands_of_fractions_is_damage() -> None:
    assert decode(tiff(bytes(20_000), t282=(5, 1_000, 800)), 32, max_pixels=16).width == 4
    with pytest.raises(errors.TruncatedImageError):
        decode(tiff(bytes(20_000), t282=(5, 2_000, 800)), 32, max_pixels=16)


@pytest.mark.parametrize(
    ("order", "big"),
    [
        pytest.param("<", False, id="little-endian"),
        pytest.param(">", False, id="big-endian"),
        pytest.param("<", True, id="big-tiff"),
    ],
)
def test_tags_have_bytes_of_their_own(order: str, big: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert decode(tiff_of_shared_bytes(1, 9_000, order, big=big), 32, max_pixels=256).format == "TIFF"
    with pytest.raises(errors.TruncatedImageError, match="far too many parts"):
        decode(tiff_of_shared_bytes(2, 9_000, order, big=big), 32, max_pixels=256)


def test_a_tags_bytes_are_counted_by_its_type() -> None:
    doubles = bytes(20_000)
    assert decode(tiff(doubles, t33550=(12, 2_600, 1_000)), 32, max_pixels=16).width == 4
    with pytest.raises(errors.TruncatedImageError, match="far too many parts"):
        decode(tiff(doubles, t33550=(12, 2_650, 1_000)), 32, max_pixels=16)
