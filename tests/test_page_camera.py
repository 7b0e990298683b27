"""The live camera: Chromium's own fake one, a green clock; without permission, without a device, without https."""

import shutil
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import ANSWER, FLAGS, PETS, NewPage, bars, before, card, heard, holding, opened, refusing, until

pytestmark = [pytest.mark.browser, pytest.mark.model]

ALLOWED = {"permissions": ["camera"]}


def live(page: Page) -> Page:
    """Switch the camera on."""
    page.get_by_role("button", name="Live camera").click()
    return page


def tracks(page: Page) -> int:
    """Return how many tracks the video has."""
    return int(page.evaluate("document.getElementById('video').srcObject?.getTracks().length ?? 0"))


def test_the_camera_is_answered_while_it_runs_and_stops_when_told(new_page: NewPage) -> None:
    page = live(opened(new_page(**ALLOWED)))
    panel = page.locator("#live")
    expect(panel.locator(".about")).to_contain_text("answers a second", timeout=60_000)
    expect(panel.locator(".headline")).to_have_text("neither")
    assert [label for label, _ in bars(panel)] == list(PETS)
    assert page.evaluate("document.getElementById('video').videoWidth") > 0
    expect(page.locator("#stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel).to_be_hidden()
    assert tracks(page) == 0
    expect(page.locator("#go-live")).to_be_focused()


def test_one_frame_is_asked_about_at_a_time(new_page: NewPage) -> None:
    page = before(new_page(**ALLOWED), PETS)
    held = holding(page)
    live(page)
    for count in range(1, 5):
        until(page, partial(lambda number: len(held) >= number, count))
        page.wait_for_timeout(300)
        assert len(held) == count
        held[-1].fulfill(json=ANSWER)


def test_the_read_out_is_the_mean_of_the_last_five_answers_and_is_spoken_when_it_changes(new_page: NewPage) -> None:
    page = before(new_page(**ALLOWED), PETS)
    held = holding(page)
    live(page)

    def say(number: int, cat: float) -> None:
        until(page, lambda: len(held) == number)
        probabilities = {"cat": cat, "dog": 1 - cat, "neither": 0}
        held[-1].fulfill(json={**ANSWER, "label": "cat" if cat > 0.5 else "dog", "probabilities": probabilities})

    for number, cat in enumerate([1, 1, 1, 1, 1, 0, 0], start=1):
        say(number, cat)
    until(page, lambda: len(held) == 8)
    assert bars(page.locator("#live"))[:2] == [("cat", "60\u00a0%"), ("dog", "40\u00a0%")]
    expect(page.locator("#live .headline")).to_have_text("cat")
    say(8, 0)
    expect(page.locator("#live .headline")).to_have_text("dog")
    expect(heard(page)).to_have_text("Probably dog")


def test_the_camera_stops_when_nobody_looks(new_page: NewPage) -> None:
    page = live(before(new_page(**ALLOWED), PETS))
    expect(page.locator("#live .headline")).to_have_text("cat", timeout=60_000)
    # Headless Chromium shows every tab always: what a hidden one says of itself is said for it.
    page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(page.locator("#live .headline")).to_have_text("The camera was stopped.")
    assert tracks(page) == 0


def test_a_picture_is_kept_as_a_card(new_page: NewPage) -> None:
    page = live(opened(new_page(**ALLOWED)))
    page.get_by_role("button", name="Keep this picture").click(timeout=60_000)
    expect(card(page).locator("h3")).to_have_text("camera-1.jpg")
    expect(card(page).locator(".headline")).to_have_text("neither")


def test_a_busy_service_slows_the_camera_and_does_not_stop_it(new_page: NewPage) -> None:
    page = before(new_page(**ALLOWED), PETS)
    refusing(page, 503, {"type": "/problems/overloaded", "detail": "64 wait already."}, times=1, Retry_After="2")
    live(page)
    expect(page.locator("#live .detail")).to_contain_text("Next try in", timeout=60_000)
    expect(page.locator("#live .headline")).to_have_text("cat")


def test_a_camera_that_is_not_allowed_is_explained(new_page: NewPage) -> None:
    page = opened(new_page())
    page.context.grant_permissions([])  # and so none
    live(page)
    expect(page.locator("#live .headline")).to_have_text("This page may not use the camera.")
    expect(page.locator("#live .mat")).to_be_hidden()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#live")).to_be_hidden()


@pytest.fixture
def bare_chromium(chromium: Browser) -> Iterator[Browser]:
    """Start a Chromium without a camera, for which a name that is not localhost leads to this machine."""
    flags = [*(flag for flag in FLAGS if "fake-device" not in flag), "--host-resolver-rules=MAP pets.test 127.0.0.1"]
    browser = chromium.browser_type.launch(executable_path=shutil.which("chromium"), args=flags)
    yield browser
    browser.close()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        pytest.param("localhost", "There is no camera.", id="none"),
        pytest.param("pets.test", "The camera needs a secure connection.", id="plain http"),
    ],
)
def test_a_camera_that_cannot_be_had_is_explained(
    bare_chromium: Browser, service_url: str, host: str, sentence: str
) -> None:
    page = bare_chromium.new_context(permissions=["camera"]).new_page()
    page.goto(f"http://{host}:{urlsplit(service_url).port}/")
    expect(page.locator("#curl")).not_to_be_empty()
    live(page)
    expect(page.locator("#live .headline")).to_have_text(sentence)
    expect(page.locator("#live .detail")).not_to_be_empty()
