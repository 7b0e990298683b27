"""How Pillow is set up before it decodes anything: once, for the process."""

import functools
import logging
import re
import warnings
from collections.abc import Callable
from typing import Any, Final

from PIL import AvifImagePlugin, JpegImagePlugin, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from catdog_api.errors import UnsupportedFormatError
from catdog_api.sniffing import MAX_TIFF_NUMBERS, TIFF_BYTES

# Of one tag, which Pillow takes apart in Python; EXIF, in whatever format, is a TIFF without pixels. A million
# fractions take seconds. A photograph has three in one tag, and thousands of strips, which are whole numbers.
_MAX_FRACTIONS: Final = 1_024
_FRACTIONS: Final = frozenset({5, 10})  # types: unsigned and signed

# Letters, of all texts of a PNG together, each of which takes up to four bytes; edited ones have carried megabytes of
# their history. By itself Pillow takes 67,108,864: 270 MB for 70 kB.
_MAX_TEXT: Final = 8_388_608

# The frames of a JPEG that are coded without loss or by arithmetic, and what goes with them (ITU-T T.81, table B.1). No
# camera and no browser knows them; 382 bytes of arithmetic took 24 times as long as a photograph of 12 megapixels, and
# what is without loss cannot be decoded at a half.
_RARE_JPEG: Final = (0xFFC3, *range(0xFFC9, 0xFFD0))


# Nobody is there to read Pillow's warnings of odd tags. `warnings.catch_warnings` swaps the process's filters and puts
# them back, which two threads do in the wrong order; a filter that is added once and stays has no such race.
_MODULES: Final = r"PIL\."
_QUIET: Final = ("ignore", None, Warning, re.compile(_MODULES), 0)


def set_up_pillow() -> None:
    """Bound what it would do without end, keep it to this thread, and let it warn nobody; twice is as once."""
    _bound_once()
    if _QUIET not in warnings.filters:  # who runs this process may have put back those from before
        warnings.filterwarnings("ignore", module=_MODULES)


@functools.cache
def _bound_once() -> None:
    # Photographs are decoded beside one another, on the cores that the settings give: for one, libavif would take all.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    PngImagePlugin.MAX_TEXT_MEMORY = _MAX_TEXT
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # of a bad image who sent it hears, not who reads the log
    _bound_tags()
    JpegImagePlugin.MARKER.update(dict.fromkeys(_RARE_JPEG, ("", "", _refuse_jpeg)))


def _bound_tags() -> None:
    """Let no tag be taken apart that has far more numbers than any photograph's."""
    loaders = ImageFileDirectory_v2._load_dispatch  # noqa: SLF001  # there is no other way in
    for kind, (size, load) in loaders.items():
        if kind not in TIFF_BYTES:
            most = _MAX_FRACTIONS if kind in _FRACTIONS else MAX_TIFF_NUMBERS
            loaders[kind] = size, functools.partial(_load_few, load, most * size)


def _load_few(load: Callable[..., Any], most: int, directory: ImageFileDirectory_v2, data: bytes, *rest: Any) -> Any:  # noqa: ANN401
    """Do as Pillow's own; raises ValueError, which Pillow and `decode` take for damage."""
    if len(data) > most:
        raise ValueError("A tag has far too many numbers.")
    return load(directory, data, *rest)


def _refuse_jpeg(photograph: JpegImagePlugin.JpegImageFile, marker: int) -> None:  # noqa: ARG001  # as Pillow calls it
    raise UnsupportedFormatError("JPEG images without loss, or coded by arithmetic, are not accepted.")
