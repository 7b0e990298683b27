"""What AVIF needs besides: a look at its parts, before libavif sees them.

libavif believes the boxes and decodes what the AV1 in them has: 3 kB that announced 64 x 64 pixels took 590 MB, and
2 MB of frames that were never shown more than two minutes.
"""

from typing import Final

from catdog_api import errors
from catdog_api.av1 import coded_size
from catdog_api.boxes import Box, Meter, announced_size, contents, grid_size, kinds, properties, read_meta
from catdog_api.sniffing import FREE_PIXELS, check_full, check_size

_MAX_OF_ALL: Final = 2.5  # pixels of all images for one of the picture: colour, alpha, and half of one for what else
_LAYERS: Final = frozenset({b"a1lx", b"a1op", b"lsel"})  # properties that choose among an image's layers


def only_still(data: bytes, max_pixels: int) -> bytes:
    """Return the file without its tracks, so that of an animation the still image is decoded: its first frame.

    Args:
        data: A file that `sniff` calls "AVIF".
        max_pixels: Most pixels (width x height) to decode.

    Raises:
        TooManyPixelsError: An image has more, or too few bytes for them, or all have far more than the picture.
        TruncatedImageError: It ends early, has far too many parts, or an image is not what it announces.
        UnsupportedFormatError: It has layers, or tracks and no still image.
        ValueError: Its parts are not what they should be; likewise KeyError, IndexError, struct.error.
    """
    brands, tracks = b"", []
    for name, box in Box(data, 0, len(data), Meter()).boxes():
        if name == b"meta":
            _check_images(box, max_pixels)
            break
        if name == b"ftyp":
            brands = data[: box.stop]
        elif name == b"moov":
            tracks.append(box.named_at)
    else:
        if tracks:
            raise errors.UnsupportedFormatError("AVIF sequences without a still image are not accepted.")
        raise errors.TruncatedImageError("The AVIF image ends early.")
    if not tracks and b"avis" not in brands:
        return data
    still = bytearray(data)
    still[: len(brands)] = brands.replace(b"avis", b"avif")
    for named_at in tracks:
        still[named_at : named_at + 4] = b"free"  # whatever the brand, libavif would take apart those that come first
    return bytes(still)


def _check_images(meta: Box, max_pixels: int) -> None:
    """Refuse images that are not what they announce, or far more than the picture; raises as `only_still`."""
    boxes = read_meta(meta)
    if b"pitm" not in boxes:
        raise errors.UnsupportedFormatError("AVIF files without a primary image are not accepted.")
    if b"iref" in boxes:  # libavif goes by the counts in it, not by its boxes; each number has two bytes or four
        meta.meter.spend((boxes[b"iref"].stop - boxes[b"iref"].start) // 2)
    told = properties(boxes[b"iprp"])
    if any(name in _LAYERS for of_item in told.values() for name, _ in of_item):
        raise errors.UnsupportedFormatError("AVIF images of several layers are not accepted.")
    places = contents(boxes[b"iloc"], boxes.get(b"idat"))
    shown = coded = 0
    for item, kind, _ in kinds(boxes[b"iinf"]):
        if kind not in {b"av01", b"grid"}:
            continue
        width, height = announced_size(told[item])
        check_size(width, height, max_pixels)
        content = b"".join(places[item])
        size = grid_size(content) if kind == b"grid" else coded_size(content, meta.meter)
        check_size(*size, max_pixels)
        if size != (width, height):
            lie = f"an image announces {width} x {height} pixels, and has {size[0]} x {size[1]}"
            raise errors.TruncatedImageError(f"The AVIF image is damaged: {lie}.")
        check_full(meta.data, width, height)
        shown = max(shown, width * height)
        coded += width * height if kind == b"av01" else 0
    if coded > max(_MAX_OF_ALL * shown, min(max_pixels, FREE_PIXELS)):
        raise errors.TooManyPixelsError(f"The AVIF file has images of {coded:,} pixels, and shows {shown:,} of them.")
