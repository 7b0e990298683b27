"""How Pillow is set up before it decodes anything: once, for the process."""

import functools
from collections.abc import Callable
from typing import Any, Final

from PIL import AvifImagePlugin, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

# Of one tag, which Pillow takes apart in Python; EXIF, in whatever format, is a TIFF without pixels. A million
# fractions take seconds. A photograph has three in one tag, and thousands of strips, which are whole numbers.
_MOST_NUMBERS: Final = 65_536
_MOST_FRACTIONS: Final = 1_024
_FRACTIONS: Final = frozenset({5, 10})  # types: unsigned and signed
_BYTES: Final = frozenset({1, 2, 7})  # types: bytes, text, anything; one object, however long

# Letters, of all texts of a PNG together, each of which takes up to four bytes; edited ones have carried megabytes of
# their history. By itself Pillow takes 67,108,864: 270 MB for 70 kB.
_MOST_TEXT: Final = 8_388_608


@functools.cache
def set_up_pillow() -> None:
    """Bound what it would do without end, and let it use no other threads; twice it would be the same."""
    # Photographs are decoded beside one another, on the cores that the settings give: for one, libavif would take all.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    PngImagePlugin.MAX_TEXT_MEMORY = _MOST_TEXT
    _bound_tags()


def _bound_tags() -> None:
    """Let no tag be taken apart that has far more numbers than any photograph's."""
    loaders = ImageFileDirectory_v2._load_dispatch  # noqa: SLF001  # there is no other way in
    for kind, (size, load) in loaders.items():
        if kind not in _BYTES:
            most = _MOST_FRACTIONS if kind in _FRACTIONS else _MOST_NUMBERS
            loaders[kind] = size, functools.partial(_load_few, load, most * size)


def _load_few(load: Callable[..., Any], most: int, directory: ImageFileDirectory_v2, data: bytes, *rest: Any) -> Any:  # noqa: ANN401
    """Do as Pillow's own; raises ValueError, which Pillow and `decode` take for damage."""
    if len(data) > most:
        raise ValueError("A tag has far too many numbers.")
    return load(directory, data, *rest)
