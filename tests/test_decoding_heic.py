"""HEIC, whose boxes may ask libheif for far more than the picture in them."""

import functools
import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image

from catdog_api import errors
from catdog_api.decoding import decode
from catdog_api.heic import only_primary
from tests.avif_parts import Item, box, full_box, ispe, refer
from tests.heic_parts import ALPHA, PLAIN, coded, grid, heif, image
from tests.images import heic, patched, quarters, tiff, translucent

_look = functools.partial(decode, size=32, max_pixels=1_000_000)
_STILL = coded(quarters(64, 64))
_HEVC, _CONFIG = image(quarters(64, 64))
_SIZE = ispe(64, 64)
_DAMAGED = "ends early or is damaged"  # what `decode` says of all that is not foreseen
_ALPHA = coded(Image.new("L", (64, 64), 99), ALPHA)
_DEPTH = coded(Image.new("L", (64, 64), 99), full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:2\0"))
_EXIF = Item(b"\0\0\0\0" + tiff(), (), b"Exif")


def _saved(picture: Image.Image, **options: object) -> bytes:
    """Return what pillow-heif makes of an image and its options."""
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, format="HEIF", **options)
    return file.getvalue()


def _in_long_numbers(tile: Item, columns: int) -> bytes:
    """Return a file of one tile again and again; this, and what the picture is, it says in numbers of four bytes."""
    tiles = box(b"dimg", struct.pack(f">IH{columns}I", 1, columns, *[2] * columns))
    data = heif(grid(1, columns, 128, 64), tile, references=tiles, pitm=full_box(b"pitm", b"\0\0\0\1", 1))
    return patched(data, data.index(b"iref") + 4, b"\1")


HONEST = {
    "plain": heic(quarters()),
    "grey": heic(quarters().convert("L")),
    "alpha": heic(translucent()),
    "full-colour": _saved(quarters(), quality=-1, chroma=444),
    "of-ten-bits": _saved(quarters().convert("I;16"), quality=90),
    "tiles": _saved(quarters(300, 200), tile_size=128),
    "thumbnails": _saved(quarters(300, 200), thumbnails=[64, 100]),
    "with-exif": heif(_STILL, _EXIF, references=refer(b"cdsc", 2, 1)),
    "in-slices": _saved(quarters(256, 256), enc_params={"x265:slices": "4"}),
    "within-the-boxes": heif(Item(_HEVC, (_SIZE, _CONFIG), b"hvc1", within=True)),
    "turned": heif(coded(quarters(64, 64), box(b"irot", b"\1"), box(b"imir", b"\0"))),
    "grid-of-one-tile-again": heif(grid(1, 2, 128, 64), _STILL, references=refer(b"dimg", 1, 2, 2)),
    "grid-in-long-numbers": _in_long_numbers(_STILL, 2),
    "alpha-and-depth": heif(_STILL, _ALPHA, _DEPTH, references=refer(b"auxl", 2, 1) + refer(b"auxl", 3, 1)),
    "alpha-of-a-tile": heif(grid(1, 1, 64, 64), _STILL, _ALPHA, references=refer(b"dimg", 1, 2) + refer(b"auxl", 3, 2)),
    "told-by-no-property": patched(
        d := heif(coded(quarters(64, 64), box(b"free"), box(b"irot", b"\1"))), d.index(b"\x80\3"), b"\0\0"
    ),
    "behind-a-box-of-long-size": heif(_STILL, before=b"\0\0\0\1free" + struct.pack(">Q", 20) + b"rest"),
}


@pytest.mark.parametrize("data", [pytest.param(HONEST[name], id=name) for name in HONEST])
def test_an_honest_file_is_decoded_as_libheif_alone_decodes_it(data: bytes) -> None:
    alone = pillow_heif.HeifImageFile(io.BytesIO(data))
    looked_at = pillow_heif.HeifImageFile(io.BytesIO(only_primary(data, 1_000_000)))
    assert np.array_equal(np.asarray(looked_at), np.asarray(alone))
    assert looked_at.info["exif"] == alone.info["exif"]
    assert _look(data).format == "HEIF"


def test_of_several_pictures_the_primary_one_alone_is_opened() -> None:
    data = heif(_STILL, coded(quarters(64, 64).rotate(180)), *[_STILL] * 50)
    assert pillow_heif.HeifImageFile(io.BytesIO(data)).n_frames == 52
    opened = pillow_heif.HeifImageFile(io.BytesIO(only_primary(data, 100_000)))
    assert opened.n_frames == 1
    assert np.array_equal(_look(data).image, _look(heif(_STILL)).image)


@pytest.mark.parametrize("head", [b"", b"\0\0\0\1"], ids=["in-four-bytes", "in-eight-bytes"])
def test_tracks_are_not_read(head: bytes) -> None:
    rubbish = box(b"trak", b"rubbish")
    tracks = head + b"moov" + struct.pack(">Q", 16 + len(rubbish)) + rubbish if head else box(b"moov", rubbish)
    of_a_sequence = heif(_STILL, before=tracks).replace(b"heic", b"hevc").replace(b"mif1", b"msf1")
    with pytest.raises(SyntaxError):
        pillow_heif.HeifImageFile(io.BytesIO(of_a_sequence))
    assert np.array_equal(_look(of_a_sequence).image, _look(heif(_STILL)).image)


def test_the_photograph_stands_upright_once() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = _look(_saved(quarters(), exif=exif.tobytes()))
    assert (turned.width, turned.height) == (48, 64)


_FTYP = heif(_STILL)[:28]
_SHORT_LENGTHS = patched(_CONFIG, 8 + 21, bytes([_CONFIG[8 + 21] & ~3]))
_TWICE = [b"auxC", b"clap", b"hvcC", b"imir", b"irot", b"ispe"]
_DESCRIBED = Item(bytes(2000), (), b"Exif")
_PROFILED = coded(quarters(64, 64), box(b"colr", b"prof" + bytes(2000)))
_FLAT, _FLAT_CONFIG = image(Image.new("L", (800, 640)), enc_params=PLAIN)


@pytest.mark.parametrize(
    ("data", "error", "why"),
    [
        pytest.param(
            heif(coded(quarters(64, 64), ispe(32, 32))), errors.TruncatedImageError, "says twice", id="two-sizes"
        ),
        *(
            pytest.param(
                heif(Item(_HEVC, (_SIZE, _CONFIG, box(name, b"\1" * 30), box(name, b"\2" * 30)), b"hvc1")),
                errors.TruncatedImageError,
                "says twice",
                id=f"two-of-{name.decode()}",
            )
            for name in _TWICE
        ),
        pytest.param(heif(coded(Image.new("L", (1600, 640)))), errors.TooManyPixelsError, "1600 x 640", id="huge"),
        pytest.param(
            heif(grid(1, 1, 64, 64), coded(Image.new("L", (1600, 640))), references=refer(b"dimg", 1, 2)),
            errors.TooManyPixelsError,
            "1600 x 640",
            id="a-huge-tile",
        ),
        pytest.param(
            heif(grid(1, 40, 64, 64), coded(Image.new("L", (320, 320))), references=refer(b"dimg", 1, *[2] * 40)),
            errors.TooManyPixelsError,
            "4,100,096 pixels to decode",
            id="a-tile-again-and-again",
        ),
        pytest.param(
            _in_long_numbers(coded(Image.new("L", (320, 320))), 40),
            errors.TooManyPixelsError,
            "4,104,192 pixels to decode",
            id="the-same-in-long-numbers",
        ),
        pytest.param(
            heif(Item(_FLAT * 6, (ispe(800, 640), _FLAT_CONFIG), b"hvc1")),
            errors.TooManyPixelsError,
            "3,072,000 pixels to decode",
            id="many-frames",
        ),
        pytest.param(
            heif(Item(_FLAT * 4, (ispe(800, 640), _FLAT_CONFIG.replace(b"\x44\x01", b"\x28\x01")), b"hvc1")),
            errors.TooManyPixelsError,
            "2,560,000 pixels to decode",
            id="slices-before-the-first",
        ),
        pytest.param(
            heif(_STILL, _ALPHA, references=refer(b"auxl", 2, 1) + refer(b"auxl", 2, 2)),
            errors.TruncatedImageError,
            "far too many parts",
            id="alpha-of-itself",
        ),
        pytest.param(
            heif(_STILL, _DESCRIBED, references=refer(b"cdsc", 2, *[1] * 600)),
            errors.TruncatedImageError,
            "again and again",
            id="described-again",
        ),
        pytest.param(heif(*[_PROFILED] * 600), errors.TruncatedImageError, "again and again", id="a-profile-again"),
        pytest.param(
            heif(Item(b"", (_SIZE,), b"iden"), _STILL, references=refer(b"dimg", 1, 2)),
            errors.UnsupportedFormatError,
            "another kind than HEVC",
            id="derived-in-another-way",
        ),
        pytest.param(
            patched(
                g := heif(grid(1, 1, 64, 64), _STILL, references=refer(b"dimg", 1, 2)), g.index(b"ispe") + 8, b"\1"
            ),
            errors.TooManyPixelsError,
            "16777280 x 64",
            id="a-huge-grid",
        ),
        pytest.param(
            patched(g, g.index(b"ispe") + 11, b"\x20"),
            errors.TruncatedImageError,
            "not as large as it announces",
            id="a-grid-that-announces-less",
        ),
        pytest.param(
            heif(Item(_HEVC, (_SIZE, _SHORT_LENGTHS), b"hvc1")), errors.TruncatedImageError, _DAMAGED, id="lengths"
        ),
        pytest.param(
            heif(Item(_HEVC[:-1], (_SIZE, _CONFIG), b"hvc1")), errors.TruncatedImageError, _DAMAGED, id="a-cut-piece"
        ),
        pytest.param(heif(Item(_HEVC, (_CONFIG,), b"hvc1")), errors.TruncatedImageError, _DAMAGED, id="no-size"),
        pytest.param(heif(Item(_HEVC, (_SIZE,), b"hvc1")), errors.TruncatedImageError, _DAMAGED, id="no-config"),
        pytest.param(
            patched(d := heif(_STILL, _STILL), d.rindex(b"infe") + 9, b"\1"),
            errors.TruncatedImageError,
            _DAMAGED,
            id="an-item-twice",
        ),
        pytest.param(
            heif(_STILL, before=full_box(b"meta", b"")),
            errors.TruncatedImageError,
            _DAMAGED,
            id="said-twice-what-is-there",
        ),
        pytest.param(
            heif(_STILL, pitm=full_box(b"pitm", b"\0\1") * 2),
            errors.TruncatedImageError,
            _DAMAGED,
            id="two-primary-images",
        ),
        pytest.param(_FTYP + full_box(b"meta", b""), errors.UnsupportedFormatError, "primary", id="no-primary-image"),
        pytest.param(_FTYP + box(b"moov"), errors.UnsupportedFormatError, "still", id="tracks-alone"),
        pytest.param(
            patched(w := HONEST["within-the-boxes"], w.index(b"iloc") + 15, b"\2"),
            errors.TruncatedImageError,
            _DAMAGED,
            id="within-another-item",
        ),
    ],
)
def test_what_is_far_more_than_its_picture_is_refused_before_it_is_opened(
    data: bytes, error: type[Exception], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pillow_heif, "HeifImageFile", lambda *_: pytest.fail("libheif was given the file"))
    with pytest.raises(error, match=why):
        _look(data)


def test_many_slices_have_to_have_bytes() -> None:
    data = heif(Item(_FLAT * 100, (ispe(800, 640), _FLAT_CONFIG), b"hvc1"))
    with pytest.raises(errors.TooManyPixelsError, match="51,200,000 pixels to decode"):
        only_primary(data, 50_000_000)
    assert only_primary(data + box(b"free", bytes(500_000)), 50_000_000)


def test_a_second_name_gives_no_tracks_back() -> None:
    data = only_primary(heif(_STILL, before=box(b"moov") + box(b"ftyp", b"heic")), 100_000)
    assert b"moov" not in data


def test_a_large_picture_of_few_bytes_is_no_photograph() -> None:
    with pytest.raises(errors.TooManyPixelsError, match="too few for a photograph"):
        only_primary(heif(Item(_HEVC, (ispe(4000, 3200), _CONFIG), b"hvc1")), 50_000_000)
