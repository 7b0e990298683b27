"""AVIF, whose boxes may say what its AV1 is not, and much of what libavif would look for."""

import functools
import io
import struct

import numpy as np
import pytest
from PIL import Image

from catdog_api import errors
from catdog_api.avif import only_still
from catdog_api.decoding import decode
from tests.avif_parts import AVIF_BOMBS, Item, avif, box, full_box, image, ispe, moving, refer
from tests.images import encode, patched, quarters, tiff, translucent

_look = functools.partial(decode, size=32, max_pixels=100_000)
_AV1, _CONFIG = image(quarters())
_SIZE = ispe(64, 48)
_STILL = Item(_AV1, (_SIZE, _CONFIG))
_DAMAGED = "ends early or is damaged"  # what `decode` says of all that is not foreseen
_HALF = Item(_AV1, (box(b"ispe", bytes(8)),))
_TILE, _TILE_CONFIG = image(quarters(64, 64))
_ANIMATED = {"save_all": True, "append_images": [quarters().rotate(180)]}


def _grid(rows: int, columns: int, *, tiles: int, announced: tuple[int, int], wide: bool = False) -> bytes:
    """Return a picture put together of tiles of 64 x 64 pixels."""
    content = struct.pack(">4B2I" if wide else ">4B2H", 0, wide, rows - 1, columns - 1, *announced)
    parts = [Item(_TILE, (ispe(64, 64), _TILE_CONFIG))] * tiles
    whole = Item(content, (ispe(*announced),), b"grid", within=True)
    return avif(whole, *parts, references=refer(b"dimg", 1, *range(2, 2 + tiles)))


def _transparent_grid() -> bytes:
    """Return two tiles above one another, each with its own alpha."""
    av1, config = image(Image.new("L", (64, 64), 99))
    auxiliary = full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
    tiles = [Item(_TILE, (ispe(64, 64), _TILE_CONFIG))] * 2 + [Item(av1, (ispe(64, 64), config, auxiliary))] * 2
    whole = Item(struct.pack(">4B2H", 0, 0, 1, 0, 64, 128), (ispe(64, 128),), b"grid", within=True)
    return avif(whole, *tiles, references=refer(b"dimg", 1, 2, 3) + refer(b"auxl", 4, 2) + refer(b"auxl", 5, 3))


HONEST = {
    "plain": encode(quarters(), "AVIF"),
    "grey": encode(quarters().convert("L"), "AVIF"),
    "alpha": encode(translucent(), "AVIF", quality=95),
    "with-exif": encode(quarters(), "AVIF", exif=tiff()),
    "full-colour": encode(quarters(), "AVIF", subsampling="4:4:4", quality=100),
    "odd": encode(quarters(37, 23), "AVIF", speed=10, subsampling="4:2:2"),
    "tiles": encode(quarters(300, 200), "AVIF", speed=10, tile_rows=1, tile_cols=1),
    "animated": encode(quarters(), "AVIF", **_ANIMATED),
    "animated-with-alpha": encode(translucent(), "AVIF", save_all=True, append_images=[translucent().rotate(180)]),
    "within-the-boxes": avif(Item(_AV1, (_SIZE, _CONFIG), within=True)),
    "turned": avif(Item(_AV1, (_SIZE, _CONFIG, box(b"irot", b"\1"), box(b"imir", b"\0")))),
    "grid": _grid(2, 3, tiles=6, announced=(180, 100)),
    "grid-in-long-numbers": _grid(2, 1, tiles=2, announced=(64, 128), wide=True),
    "behind-a-box-of-long-size": avif(_STILL, before=b"\0\0\0\1free" + struct.pack(">Q", 20) + b"rest"),
    "grid-with-alpha": _transparent_grid(),
    "with-a-thumbnail": avif(_STILL, _STILL, references=refer(b"thmb", 2, 1)),
}


@pytest.mark.parametrize("data", [pytest.param(HONEST[name], id=name) for name in HONEST])
def test_an_honest_file_is_decoded_as_pillow_alone_decodes_it(data: bytes) -> None:
    alone = Image.open(io.BytesIO(data))
    looked_at = Image.open(io.BytesIO(only_still(data, alone.width * alone.height)))
    assert np.array_equal(np.asarray(looked_at), np.asarray(alone))
    assert looked_at.getexif() == alone.getexif()
    assert _look(data).format == "AVIF"


def test_of_an_animation_the_tracks_are_not_even_read() -> None:
    data = encode(quarters(), "AVIF", **_ANIMATED)
    broken = patched(data, data.index(b"mvhd"), b"????")
    assert np.array_equal(_look(broken).image, _look(data).image)


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x17moov", b"\0\0\0\1moov" + struct.pack(">Q", 31)], ids=["size-of-4-bytes", "of-8-bytes"]
)
def test_tracks_that_come_first_are_not_read_either_and_the_still_image_stands_upright(head: bytes) -> None:
    item = Item(moving()[0], (_SIZE, _CONFIG, box(b"irot", b"\1")))
    data = avif(item, brand=b"avis", before=head + box(b"trak", b"rubbish"))
    assert np.array_equal(_look(data).image, _look(avif(item)).image)
    assert _look(data).width == 48


def _meta(*boxes: bytes) -> bytes:
    return box(b"ftyp", b"avif" + bytes(4) + b"avif") + full_box(b"meta", b"".join(boxes))


def _places(version: int, items: int, places: bytes) -> bytes:
    """Return what says where items are, in numbers of four bytes."""
    return full_box(b"iloc", struct.pack(">HI" if version > 1 else ">HH", 0x4400, items) + places, version)


_TWICE = _places(0, 2, struct.pack(">HHHII", 1, 0, 1, 0, 9) * 2)
_BEYOND = _places(0, 1, struct.pack(">HHHII", 1, 0, 1, 400, 900))
_AGAIN = _places(0, 3, b"".join(struct.pack(">HHHII", item, 0, 1, 0, 300) for item in (1, 2, 3)))
_NOWHERE = _places(1, 1, struct.pack(">HHHHII", 1, 1, 0, 1, 0, 9))
_LARGE, _LARGE_CONFIG = image(Image.new("RGB", (4000, 3000)))


@pytest.mark.parametrize(
    ("data", "error", "why"),
    [
        pytest.param(
            avif(Item(_AV1, (ispe(32, 24), _CONFIG))),
            errors.TruncatedImageError,
            "announces 32 x 24 pixels, and has 64 x 48",
            id="a-smaller-announcement",
        ),
        pytest.param(
            avif(Item(_AV1, (ispe(8, 8), _SIZE, _CONFIG))), errors.TruncatedImageError, "8 x 8", id="the-first"
        ),
        pytest.param(
            avif(Item(_LARGE, (_SIZE, _LARGE_CONFIG))), errors.TooManyPixelsError, "4000 x 3000", id="huge-behind-it"
        ),
        pytest.param(
            avif(_STILL, Item(_LARGE, (_SIZE, _LARGE_CONFIG))),
            errors.TooManyPixelsError,
            "4000 x 3000",
            id="huge-in-another",
        ),
        pytest.param(_grid(1, 1, tiles=1, announced=(999, 999)), errors.TooManyPixelsError, "999 x 999", id="a-grid"),
        pytest.param(
            patched(g := _grid(1, 2, tiles=2, announced=(128, 64)), g.index(b"ispe") + 8, struct.pack(">II", 9, 9)),
            errors.TruncatedImageError,
            "announces 9 x 9",
            id="a-grid-that-announces-less",
        ),
        pytest.param(
            avif(*[_STILL] * 100),
            errors.TooManyPixelsError,
            "images of 307,200 pixels, and shows 3,072",
            id="many-images",
        ),
        *(
            pytest.param(
                avif(Item(_AV1, (_SIZE, _CONFIG, box(name, content)))),
                errors.UnsupportedFormatError,
                "layers",
                id=f"layers-{name.decode()}",
            )
            for name, content in ((b"lsel", b"\0\1"), (b"a1op", b"\0"), (b"a1lx", bytes(7)))
        ),
        pytest.param(
            avif(Item(_AV1 + _AV1[2:], (_SIZE, _CONFIG))),
            errors.TruncatedImageError,
            "says twice",
            id="two-images-in-one",
        ),
        pytest.param(avif(_STILL, iloc=_TWICE), errors.TruncatedImageError, _DAMAGED, id="in-two-places"),
        pytest.param(avif(Item(_AV1, (_CONFIG,))), errors.TruncatedImageError, _DAMAGED, id="no-announcement"),
        pytest.param(_meta(box(b"hdlr")), errors.UnsupportedFormatError, "primary", id="no-primary-image"),
        pytest.param(_meta()[:20] + box(b"moov"), errors.UnsupportedFormatError, "sequences", id="tracks-alone"),
        pytest.param(_meta()[:20], errors.TruncatedImageError, "ends early", id="nothing-but-its-name"),
        pytest.param(
            _meta()[:20] + b"\0\0\0\1free" + struct.pack(">Q", 8),
            errors.TruncatedImageError,
            _DAMAGED,
            id="a-box-smaller-than-its-head",
        ),
        pytest.param(
            avif(_HALF),
            errors.TruncatedImageError,
            _DAMAGED,
            id="half-an-announcement",
        ),
        pytest.param(
            _meta()[:20] + b"\0\0\0\x63free", errors.TruncatedImageError, _DAMAGED, id="a-box-beyond-the-file"
        ),
        pytest.param(_meta()[:20] + box(b"free") * 9000, errors.TruncatedImageError, "parts", id="countless-boxes"),
        pytest.param(AVIF_BOMBS["avif-of-references"](), errors.TruncatedImageError, "parts", id="references"),
        pytest.param(AVIF_BOMBS["avif-of-empty-places"](), errors.TruncatedImageError, "parts", id="empty-places"),
    ],
)
def test_what_is_not_one_picture_is_refused_before_it_is_opened(
    data: bytes, error: type[Exception], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("PIL._avif.AvifDecoder", lambda *_: pytest.fail("libavif was given the file"))
    with pytest.raises(error, match=why):
        decode(data, 32, max_pixels=100_000)


@pytest.mark.parametrize(
    "iloc",
    [
        pytest.param(_BEYOND, id="beyond-the-file"),
        pytest.param(_AGAIN, id="the-same-again"),
        pytest.param(_NOWHERE, id="in-a-box-that-is-not-there"),
    ],
)
def test_bytes_that_the_file_has_not_are_not_looked_for(iloc: bytes) -> None:
    with pytest.raises(errors.TruncatedImageError, match="ends early"):
        only_still(avif(_STILL, iloc=iloc), 100_000)


def test_a_large_image_of_few_bytes_is_refused_however_small_it_says_it_is() -> None:
    av1, config = image(Image.new("L", (4000, 3200)))
    with pytest.raises(errors.TooManyPixelsError, match="too few for a photograph"):
        only_still(avif(Item(av1, (ispe(4000, 3200), config))), 50_000_000)
    with pytest.raises(errors.TruncatedImageError, match="announces 64 x 48 pixels, and has 4000 x 3200"):
        only_still(avif(Item(av1, (_SIZE, config))), 50_000_000)
