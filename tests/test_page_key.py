"""The page of a service that asks for a key: it asks once, keeps it for the tab, and goes on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import NewPage, card, choose, expect_state, photograph
from tests.conftest import service_process

pytestmark = [pytest.mark.browser, pytest.mark.model]

KEY = "a-key-for-the-tests-of-the-page"


@pytest.fixture(scope="module")
def service_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve with a key."""
    with service_process(tmp_path_factory.mktemp("keyed") / "log", "--api-keys", KEY) as url:
        yield url


def asked(page: Page) -> Page:
    """Open the page, and wait for the question."""
    page.goto("/")
    expect(page.get_by_role("dialog", name="This service asks for a key")).to_be_visible()
    return page


def give(page: Page, key: str) -> None:
    """Type a key, and go on with Enter."""
    page.get_by_role("textbox", name="Key").fill(key)
    page.keyboard.press("Enter")


def test_the_key_is_asked_for_once_and_then_everything_goes_on(new_page: NewPage) -> None:
    page = asked(new_page())
    expect(page.get_by_role("textbox", name="Key")).to_be_focused()
    give(page, KEY)
    expect(page.locator("#figure")).not_to_be_empty()
    choose(page, photograph("one.png"), photograph("two.png"))
    expect_state(page, "done")
    expect(page.locator(".headline", has_text="cat")).to_have_count(2)
    page.reload()
    expect(page.locator("#figure")).not_to_be_empty()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_wrong_key_is_said_to_be_wrong_and_another_is_asked_for(new_page: NewPage) -> None:
    page = asked(new_page())
    expect(page.locator("#key-why")).to_contain_text("there was none")
    give(page, "schl\u00fcssel")  # no header can hold it
    assert page.locator("#key-value").evaluate("field => field.validity.patternMismatch")
    give(page, "wrong")
    expect(page.locator("#key-why")).to_contain_text("none that this service knows")
    give(page, KEY)
    expect(page.locator("#figure")).not_to_be_empty()


def test_whoever_has_no_key_is_told_so_on_the_card_and_is_asked_again_on_trying_again(new_page: NewPage) -> None:
    page = asked(new_page())
    page.keyboard.press("Escape")
    choose(page)
    page.get_by_role("button", name="Not now").click()
    expect(card(page).locator(".headline")).to_have_text("This service asks for a key.")
    card(page).locator(".retry").click()
    give(page, KEY)
    expect(card(page).locator(".headline")).to_have_text("cat")
    expect(page.locator("#figure")).not_to_be_empty()  # the model that was refused to whoever had no key
    expect(page.locator("#figures")).to_be_hidden()  # a link that would bring no key


def test_many_refused_photographs_ask_for_the_key_once(new_page: NewPage) -> None:
    page = asked(new_page())
    page.keyboard.press("Escape")
    choose(page, *(photograph(f"{number}.png") for number in range(5)))
    give(page, KEY)
    expect_state(page, "done")
    expect(page.locator(".headline", has_text="cat")).to_have_count(5)


def test_the_key_is_in_no_command_and_in_no_field(new_page: NewPage) -> None:
    page = asked(new_page())
    give(page, KEY)
    expect(page.locator("#curl")).to_contain_text('-H "X-API-Key: $CATDOG_API_KEY"')
    assert KEY not in page.content()
    assert page.locator("#key-value").input_value() == ""
    assert page.evaluate("Object.keys(localStorage)") == []
