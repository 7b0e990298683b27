"""The page of a service with other labels: nothing of it was written for cats and dogs alone."""

from collections.abc import Iterator

import keras
import pytest
from PIL import Image
from playwright.sync_api import expect

from catdog_api.artifact import Manifest, file_sha256, write_manifest
from tests.browsing import NewPage, bars, card, choose, expect_state, file, opened
from tests.conftest import service_process
from tests.images import GREEN, encode

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a network of two labels, which answers by the mean colour: red is a wolf, green a husky."""
    folder = tmp_path_factory.mktemp("wolf")
    images = keras.Input((32, 32, 3), dtype="uint8")
    features = keras.layers.GlobalAveragePooling2D(name="pooling")(keras.layers.Rescaling(1 / 64)(images))
    network = keras.Model(images, keras.layers.Dense(2, kernel_initializer="identity", name="logits")(features))
    model = folder / "wolf.keras"
    network.save(model)
    write_manifest(Manifest("pack", "2.0.0", ("wolf", "husky"), 32, file_sha256(model)), model)
    with service_process(folder / "log", "--model", str(model)) as url:
        yield url


def test_the_page_asks_for_and_answers_with_the_labels_of_the_model(new_page: NewPage) -> None:
    page = new_page()
    opened(page)
    expect(page.locator("h1")).to_have_text("Wolf or husky?")
    choose(page, file("green.png", encode(Image.new("RGB", (40, 30), GREEN), "PNG")))
    expect_state(page, "done")
    expect(card(page).locator(".headline")).to_have_text("husky")
    assert [label for label, _ in bars(card(page))] == ["wolf", "husky"]
    assert "cat" not in page.locator("main").inner_text().lower()


def test_the_explorer_names_no_label_either(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert "neither" not in page.locator("body").inner_text().lower()
