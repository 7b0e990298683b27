"""Two thousand hostile images, and bombs: refused or answered, in little time and memory, and nothing is printed."""

import sys
from pathlib import Path

import pytest

from catdog_api.decoding import decode
from catdog_api.errors import ImageError
from tests.bombs import BOMBS, costs, honest
from tests.conftest import Serve
from tests.hostile import hostile_images

COUNT = 2240  # 4 times 10 mutations of 56 files
EVERY = 9  # of them goes through the whole app, too


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
        response = await client.post("/predict", content=data, headers={"Content-Type": "image/png"})
        assert response.status_code in {200, 413, 415, 422}, f"{response.text}: {made}"
        kind = "application/json" if response.status_code == 200 else "application/problem+json"
        assert response.headers["content-type"] == kind, made


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
