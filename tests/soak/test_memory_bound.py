"""The README's formula of the memory holds where most of it is used: uploads that are held, the dearest images decoded.

Beside what the service holds under full load, forms of the largest size that do not end fill the room for uploads, and
on every core an image of the largest size is decoded, in the format that takes most for a pixel.
"""

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import numpy as np
import uvloop
from PIL import Image

from catdog_api.bodies import BODIES_AT_ONCE
from catdog_api.settings import Settings
from tests.images import encode
from tests.raw_requests import HEADERS, PART
from tests.service import Service
from tests.soak.figures import Record
from tests.soak.measuring import CORES, MEGABYTE, capacity, memory_of
from tests.test_memory import BYTES_A_PIXEL

SETTINGS = Settings()
SIDE = int(SETTINGS.max_pixels**0.5)
UPLOADS = BODIES_AT_ONCE - CORES  # the images' own bodies need room as well


def dearest() -> bytes:
    """Return a TIFF of 32 bits, as large as may be; a tenth of it is grain, so that it is no bomb, and small enough."""
    pixels = np.zeros((SIDE, SIDE), np.float32)
    pixels[:, : SIDE // 10] = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE // 10))
    return encode(Image.fromarray(pixels), "TIFF", compression="tiff_adobe_deflate")


@contextmanager
def held_upload(port: int) -> Iterator[None]:
    """Send all of a form of the largest size but its end, and keep the connection during the block."""
    size = SETTINGS.max_upload_bytes
    head = b"\r\n".join([b"POST /predict HTTP/1.1", *HEADERS, b"Content-Length: %d" % size, b"", PART])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head + bytes(size - len(PART) - 1))
        yield


def test_memory_stays_below_the_formula_where_all_of_it_is_used(
    service: Service, photographs: Sequence[bytes], record: Record
) -> None:
    image = dearest()
    assert len(image) < SETTINGS.max_upload_bytes
    uvloop.run(capacity(service, photographs))

    def ask(_: int) -> int:
        headers = {"Content-Type": "image/tiff"}
        return httpx.post(f"{service.url}/predict", content=image, headers=headers, timeout=60).status_code

    with memory_of(service, 0.05) as samples:
        with ExitStack() as uploads:
            for _ in range(UPLOADS):
                uploads.enter_context(held_upload(service.port))
            time.sleep(1)  # until all of it is read
            holding = service.memory_bytes()
            with ThreadPoolExecutor(CORES) as callers:
                statuses = set(callers.map(ask, range(CORES)))
        before, peak = samples[0][1], max(held for _, held in samples)
    bound = 2 * BODIES_AT_ONCE * SETTINGS.max_upload_bytes + CORES * SETTINGS.max_pixels * BYTES_A_PIXEL
    record(
        "memory at its bound",
        {
            "before_mb": before / MEGABYTE,
            "with_uploads_mb": holding / MEGABYTE,
            "peak_mb": peak / MEGABYTE,
            "formula_mb": (before + bound) / MEGABYTE,
        },
    )
    assert statuses == {200}
    assert holding - before > 0.9 * UPLOADS * SETTINGS.max_upload_bytes, "the uploads were not held"
    assert peak < before + bound
    assert peak - before > bound / 2, "what the formula allows was not used"
