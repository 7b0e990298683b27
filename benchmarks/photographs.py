"""The fixed set of photographs: drawn from free images, the same in every run, none of them of the training set."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image

SIZE = (500, 375)  # width and height of a photograph of Dogs vs. Cats
LARGE = (4000, 3000)  # 12 megapixels
COUNT = 64
BOUNDARY = "catdog-benchmark"
SEED = 2026


@dataclass(frozen=True, slots=True)
class Bodies:
    """Request bodies on disk, of one form.

    Attributes:
        content_type: Of every body.
        paths: The bodies, in the order of the photographs.
        large: The 12-megapixel photograph's.
    """

    content_type: str
    paths: Sequence[Path]
    large: Path


def draw(count: int = COUNT) -> list[bytes]:
    """Return JPEGs of 500 x 375: crops of free images, turned, lit and with noise, so that no two are alike."""
    generator = np.random.default_rng(SEED)
    sources = _sources()
    return [_photograph(sources[index % len(sources)], generator, SIZE, 85 + index % 6) for index in range(count)]


def draw_large() -> bytes:
    """Return a JPEG of 12 megapixels."""
    return _photograph(_sources()[0], np.random.default_rng(SEED), LARGE, 90)


def multipart(data: bytes, field: str) -> bytes:
    """Wrap a photograph as the one field of a multipart body.

    Args:
        data: The file.
        field: The field's name.
    """
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="photograph.jpg"\r\n'
    return f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def write_bodies(photographs: Sequence[bytes], large: bytes, field: str | None, folder: Path) -> Bodies:
    """Write the bodies that carry the photographs, as files for wrk.

    Args:
        photographs: The fixed set.
        large: The 12-megapixel one.
        field: The multipart field; None writes the files as they are.
        folder: Is made, unless it is there already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:02}" for index in range(len(photographs))]
    for path, data in zip([*paths, folder / "large"], [*photographs, large], strict=True):
        path.write_bytes(data if field is None else multipart(data, field))
    content_type = "image/jpeg" if field is None else f"multipart/form-data; boundary={BOUNDARY}"
    return Bodies(content_type, paths, folder / "large")


def write_raw(folder: Path) -> Sequence[Path]:
    """Draw the photographs and write them as raw bodies; their type is `image/jpeg`.

    Args:
        folder: Is there already.
    """
    paths = [folder / f"{index:02}.jpg" for index in range(COUNT)]
    for path, data in zip(paths, draw(), strict=True):
        path.write_bytes(data)
    return paths


def _sources() -> list[Image.Image]:
    """Return images that are CC0 or in the public domain and come with scikit-image, a cat among them."""
    images = (skimage.data.chelsea(), skimage.data.astronaut(), skimage.data.coffee(), skimage.data.rocket())
    return [Image.fromarray(image) for image in images]


def _photograph(source: Image.Image, generator: np.random.Generator, size: tuple[int, int], quality: int) -> bytes:
    share = generator.uniform(0.6, 1.0)
    width, height = share * source.width, share * source.height
    left, top = generator.uniform(0, source.width - width), generator.uniform(0, source.height - height)
    crop = source.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    if generator.random() < 0.5:  # noqa: PLR2004  # every second one
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    noise: npt.NDArray[np.float32] = generator.standard_normal((size[1], size[0], 1), np.float32)
    lit = np.asarray(crop, np.float32) * np.float32(generator.uniform(0.8, 1.2)) + 4 * noise
    file = io.BytesIO()
    Image.fromarray(lit.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return file.getvalue()
