"""The memory that the README promises to stay below, measured where it is used."""

import re
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from catdog_api.admission import HELD_AT_ONCE
from catdog_api.artifact import read_manifest
from catdog_api.bodies import BODIES_AT_ONCE
from catdog_api.bounded import HEAD_BYTES, HEAD_LINES, MAX_PIPELINED
from catdog_api.idle_connections import MAX_CONNECTIONS
from catdog_api.settings import Settings
from tests.bombs import costs
from tests.heic_parts import dearest
from tests.images import encode
from tests.test_protocol_readers import StuckTransport, connection, transport  # noqa: F401  # the last is a fixture

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BYTES_A_PIXEL = 18
CHUNKED = b"POST / HTTP/1.1\r\nHost: catdog.test\r\nTransfer-Encoding: chunked\r\n\r\n"
HEADS = 3
"""Headers of the largest size that a connection may hold, by what they take in memory."""

WIDTH, HEIGHT = 3000, 2000
MEGABYTE = 10**6


def drawings() -> dict[str, bytes]:
    """Return a large image in each of the dear formats."""
    across, down = np.arange(WIDTH) // 16, np.arange(HEIGHT)[:, None] // 16
    grey = ((across + down) % 256).astype(np.uint8)
    colours = Image.fromarray(np.stack([grey, grey[::-1], 255 - grey], axis=-1))
    through = colours.convert("RGBA")
    through.putalpha(Image.fromarray(grey))
    kinds: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "png": (colours, "PNG", {"compress_level": 1}),
        "transparent png": (through, "PNG", {"compress_level": 1}),
        "16-bit png": (Image.fromarray(grey.astype(np.uint16) * 257), "PNG", {"compress_level": 1}),
        "webp": (through, "WEBP", {"quality": 50, "method": 0}),
        "gif": (colours.quantize(64), "GIF", {}),
        "32-bit tiff": (Image.fromarray(grey.astype(np.float32)), "TIFF", {"compression": "tiff_lzw"}),
        "progressive jpeg": (colours, "JPEG", {"progressive": True}),
    }
    return {name: encode(image, form, **options) for name, (image, form, options) in kinds.items()}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what memory was held from /proc")
def test_no_format_takes_more_for_a_pixel_than_is_promised(tmp_path: Path) -> None:
    files = drawings()
    bound = BYTES_A_PIXEL * WIDTH * HEIGHT
    taken = {name: 1024 * cost.kilobytes - len(files[name]) for name, cost in costs(files, tmp_path).items()}
    assert {name: held for name, held in taken.items() if held > bound + 2 * MEGABYTE} == {}
    assert max(taken.values()) > 0.8 * bound, "less is needed than the README says"


async def test_no_connection_takes_more_for_headers_than_is_promised(
    transport: StuckTransport,  # noqa: F811  # the fixture
) -> None:
    def request(share: int) -> bytes:
        lines = HEAD_LINES // share
        line = b"a:" + bytes(HEAD_BYTES // share // lines - 2).replace(b"\0", b"b") + b"\r\n"
        return b"GET / HTTP/1.1\r\nHost:" + line[len(b"Host:") :] + line * (lines - 1) + b"\r\n"

    protocol = connection()
    protocol.connection_made(transport)
    answered, waiting = request(1), request(MAX_PIPELINED) * (MAX_PIPELINED + 1)
    tracemalloc.start()
    for piece in (answered, waiting):
        protocol.data_received(bytes(memoryview(piece)))  # as new as from the socket
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(protocol.pipeline) == MAX_PIPELINED
    bound = HEADS * HEAD_BYTES
    assert held < bound
    assert held > 0.8 * bound, "less is needed than the README says"
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"GET /", id="its-path"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: catdog.test\r\nX: ", id="a-line"),
        pytest.param(CHUNKED + b"1\r\nx\r\n0\r\nX: ", id="a-line-behind-its-body"),
        pytest.param(CHUNKED + b"%x\r\n%s\r\n0\r\nX: " % (3 * HEAD_BYTES, bytes(3 * HEAD_BYTES)), id="or-a-large-one"),
    ],
)
@pytest.mark.parametrize(("share", "is_refused"), [(0.9, False), (1.1, True)], ids=["not-too-large", "too-large"])
async def test_of_a_header_that_is_not_whole_no_more_is_held_however_much_comes_at_once(
    transport: StuckTransport,  # noqa: F811  # the fixture
    begun: bytes,
    share: float,
    *,
    is_refused: bool,
) -> None:
    protocol = connection()
    protocol.connection_made(transport)
    protocol.data_received(begun + b"x" * int(share * HEAD_BYTES))
    assert transport.is_closing() is is_refused
    protocol.connection_lost(None)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what memory was held from /proc")
def test_heic_takes_no_more_for_a_pixel_than_is_promised(tmp_path: Path) -> None:
    said = re.search(r"HEIC, where its extra is installed, up to (\d+)", README)
    assert said
    width, height = 2048, 1536
    taken = costs({"dearest": dearest(width, height)}, tmp_path)["dearest"]
    assert taken.outcome == "HEIF"
    assert 0.8 < (1024 * taken.kilobytes - 2 * MEGABYTE) / (int(said[1]) * width * height) < 1


def test_the_formula_has_the_numbers_of_the_code() -> None:
    settings = Settings()
    image = read_manifest(settings.model).input_size ** 2 * 3
    lines = dict(re.findall(r"^(headers|held|uploads|pixels|queue) +(.+?) MB", README, re.MULTILINE))
    expected = {
        "headers": (f"{MAX_CONNECTIONS:,} x {HEADS} x {HEAD_BYTES:,} bytes", MAX_CONNECTIONS * HEADS * HEAD_BYTES),
        "held": (f"{HELD_AT_ONCE} x {HIGH_WATER_LIMIT:,} bytes", HELD_AT_ONCE * HIGH_WATER_LIMIT),
        "uploads": (f"2 x {BODIES_AT_ONCE} x CATDOG_MAX_UPLOAD_BYTES", 2 * BODIES_AT_ONCE * settings.max_upload_bytes),
        "pixels": (f"cores x CATDOG_MAX_PIXELS x {BYTES_A_PIXEL} bytes", 2 * settings.max_pixels * BYTES_A_PIXEL),
        "queue": (f"CATDOG_QUEUE_LIMIT x {image:,} bytes", settings.queue_limit * image),
    }
    for name, (formula, total) in expected.items():
        text, megabytes = lines[name].rsplit(maxsplit=1)
        assert text == formula
        assert int(megabytes.replace(",", "")) == pytest.approx(total / MEGABYTE, rel=0.05, abs=0.5)
