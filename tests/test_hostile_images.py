"""Two thousand hostile images, and bombs: refused or answered, in little time and memory, and nothing is printed."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import proportional
from catdog_api.decoding import decode
from catdog_api.errors import ImageError
from tests.bombs import BOMBS, costs, honest, just_free
from tests.conftest import Serve
from tests.hostile import ORIGINALS, hostile_images
from tests.service import started

COUNT = 2240  # 4 times 10 mutations of 56 files
EVERY = 9  # of them goes through the whole app without a socket, and without the true model
CALLERS = 2
LEFT_BEHIND = (
    64_000_000  # bytes: a sixth of what the service holds; 16 to 46 million were measured, and more rounds add none
)


def test_thousands_of_hostile_images_are_decoded_or_refused_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    decoded = 0
    for made, data in hostile_images(COUNT):
        try:
            assert decode(data, 32, max_pixels=50_000_000).image.shape == (32, 32, 3), made
            decoded += 1
        except ImageError as error:
            assert str(error).endswith("."), made  # noqa: PT017  # any of the tree will do
    assert COUNT / 10 < decoded < COUNT * 9 / 10  # damage of both kinds: that is found, and that is not
    assert capfd.readouterr() == ("", "")


async def test_hostile_images_are_never_an_error_of_the_services_own(serve: Serve) -> None:
    client = await serve()
    for made, data in [*hostile_images(COUNT)][::EVERY]:
        _assert_answered(await client.post("/predict", content=data, headers={"Content-Type": "image/png"}), made)


def _assert_answered(response: httpx.Response, made: str) -> None:
    assert response.status_code in {200, 413, 415, 422}, f"{response.text}: {made}"
    kind = "application/json" if response.status_code == 200 else "application/problem+json"
    assert response.headers["content-type"] == kind, made


@pytest.mark.model
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what memory is held from /proc")
def test_all_of_them_and_every_bomb_leave_the_real_service_as_it_was(tmp_path: Path) -> None:
    photograph = honest("JPEG", quality=88)
    names, files = zip(*hostile_images(COUNT), *((name, make()) for name, make in BOMBS.items()), strict=True)
    with started(tmp_path / "log") as service, httpx.Client(base_url=service.url, timeout=60) as client:

        def ask(data: bytes) -> httpx.Response:
            return client.post("/predict", content=data, headers={"Content-Type": "image/png"})

        assert {ask(data).status_code for data in ORIGINALS} == {200}  # what is loaded and allocated once
        expected, held = ask(photograph).json(), proportional(service.process.pid)
        with ThreadPoolExecutor(CALLERS) as callers:
            for made, response in zip(names, callers.map(ask, files), strict=True):
                _assert_answered(response, made)
        assert ask(photograph).json() == expected
        assert proportional(service.process.pid) - held < LEFT_BEHIND
    lines = (tmp_path / "log").read_text().splitlines()
    assert {json.loads(line)["level"] for line in lines if not line.startswith("catdog-api answers at")} == {"info"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what memory was held from /proc")
def test_a_bomb_costs_less_than_an_honest_photograph_of_12_megapixels(tmp_path: Path) -> None:
    photograph = {"honest": honest("JPEG", quality=88)}
    measured = costs(photograph | {name: make() for name, make in BOMBS.items()}, tmp_path)
    limit = measured.pop("honest")
    assert limit.outcome == "JPEG"
    dear = {
        name: cost
        for name, cost in measured.items()
        if cost.seconds >= limit.seconds or cost.kilobytes >= limit.kilobytes
    }
    assert dear == {}, f"an honest photograph costs {limit}"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what memory was held from /proc")
def test_a_bomb_too_small_to_be_refused_holds_no_more_than_a_photograph_of_its_own_format(tmp_path: Path) -> None:
    """Compare each with its own format, for memory alone.

    A large JPEG is decoded in part (5 MB for 12 megapixels), and other formats as a whole (200 MB of WebP), whatever
    they show. A limit on bytes would not tell the two apart: honest drawings and blurred nights of 12 megapixels have
    a byte for 100 to 800 pixels, and a GIF, a PNG or a TIFF of nothing one for 130 to 1,250. A WebP or an AVIF of
    nothing has fewer, but 3 kB of padding would bring it among the honest ones.
    """
    pairs = just_free()
    files = {f"bomb {kind}": bomb for kind, (bomb, _) in pairs.items()}
    files |= {f"quarter {kind}": photograph for kind, (_, photograph) in pairs.items()}
    measured = costs({"first": honest("JPEG", quality=88), **files}, tmp_path)
    assert not {name: cost for name, cost in measured.items() if cost.outcome.endswith("Error")}
    held = {name: cost.kilobytes - len(files[name]) / 1024 for name, cost in measured.items() if name in files}
    ratios = {kind: held[f"bomb {kind}"] / (4 * held[f"quarter {kind}"]) for kind in pairs}
    assert max(ratios.values()) < 1.15, ratios
