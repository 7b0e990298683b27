"""Pictures of the page in every state, for people to look at: in `screenshots/`, which git ignores."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browsing import NewPage, card, choose, expect_state, file, holding, opened, photograph, refusing, until
from tests.images import encode

pytestmark = [pytest.mark.browser, pytest.mark.model]

SCREENSHOTS = Path(__file__).resolve().parents[1] / "screenshots"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
VIEWPORTS = {360: 740, 768: 1024, 1440: 900}
BUSY = {"type": "/problems/overloaded", "detail": "64 photographs wait already."}
# A picture of the whole page is of what is not in view, too; the policy lets a test no more than a page write styles.
SHOW_EVERYTHING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".card { content-visibility: visible !important; }");
  document.adoptedStyleSheets = [sheet];
}"""


def bundled_photographs() -> list[FilePayload]:
    """Return free photographs: Chelsea (CC0), NASA's and SpaceX's (public domain), a cup (CC0), a file that is none."""
    names = ("coffee", "rocket", "astronaut", "camera", "hubble_deep_field")
    others = [encode(Image.fromarray(getattr(skimage.data, name)()).convert("RGB"), "JPEG") for name in names]
    return [
        photograph("chelsea.png"),
        *(file(f"{name}.jpg", content) for name, content in zip(names, others, strict=True)),
        photograph("scan.tiff", "TIFF"),
        file("shopping list.txt", b"two tins of fish"),
    ]


def idle(page: Page) -> None:
    """Show the page as it comes."""
    expect(page.locator("#figure")).not_to_be_empty()


def one(page: Page) -> None:
    """Show one answer."""
    choose(page, photograph())
    expect_state(page, "done")


def heat(page: Page) -> None:
    """Show where it looked."""
    one(page)
    card(page).locator(".look").click()
    expect(card(page).locator(".heat")).to_be_visible()
    page.mouse.move(0, 0)


def many(page: Page) -> None:
    """Show many answers, one with its heat map, and one refusal."""
    choose(page, *bundled_photographs())
    expect_state(page, "done")
    card(page).locator(".look").click()
    expect(card(page).locator(".heat")).to_be_visible()
    page.mouse.move(0, 0)


def working(page: Page) -> None:
    """Show some answers, and some that wait."""
    held = holding(page)
    choose(page, *bundled_photographs())
    for position in range(3):
        expect(card(page, position).locator(".thumb")).to_be_visible()
        card(page, position).locator(".opening").wait_for()
        until(page, partial(lambda count: len(held) > count, position))
        held[position].continue_()
        expect(card(page, position)).to_have_attribute("data-state", "answered")


def busy(page: Page) -> None:
    """Show a countdown."""
    refusing(page, 503, BUSY, Retry_After="9")
    choose(page, photograph())
    expect(card(page).locator(".detail")).to_contain_text("Next try")


def refusal(page: Page) -> None:
    """Show a refusal."""
    refusing(page, 504, {"type": "/problems/deadline-exceeded", "detail": "No answer within 10 s."})
    choose(page, photograph())
    expect_state(page, "done")


def live(page: Page) -> None:
    """Show the camera."""
    page.locator("#go-live").click()
    expect(page.locator("#live .about")).to_contain_text("answers a second")


def denied(page: Page) -> None:
    """Show that there is no camera."""
    page.context.clear_permissions()
    page.context.grant_permissions([])  # and so none
    page.locator("#go-live").click()
    expect(page.locator("#live .headline")).to_contain_text("may not use")


def key(page: Page) -> None:
    """Show the question for a key."""
    problem = {"type": "/problems/unauthorized", "detail": "This service asks for a key in the header X-API-Key."}
    page.route("**/predict", partial(Route.fulfill, status=401, json=problem))
    choose(page, photograph())
    expect(page.get_by_role("dialog")).to_be_visible()


STATES: tuple[Callable[[Page], None], ...] = (idle, one, heat, many, working, busy, refusal, live, denied, key)


@pytest.mark.parametrize("width", VIEWPORTS)
def test_every_state_has_its_picture_taken(new_page: NewPage, width: int) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    size = {"width": width, "height": VIEWPORTS[width]}
    page = new_page(viewport=size, is_mobile=width == 360, permissions=["camera"])
    for state in STATES:
        page.unroute_all(behavior="ignoreErrors")
        state(opened(page))
        page.evaluate(SHOW_EVERYTHING)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=SCREENSHOTS / f"{state.__name__}-{width}-{scheme}.png", full_page=True)
