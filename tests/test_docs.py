"""The explorer at /docs in a real Chromium: Swagger UI from its package, under the page's own policy, offline."""

import json
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browsing import NewPage, photograph
from tests.conftest import service_process

pytestmark = [pytest.mark.browser, pytest.mark.model]

SCREENSHOTS = Path(__file__).resolve().parents[1] / "screenshots"
ONE, MANY = "What does this photograph show?", "What do these photographs show?"
MODEL = "What answers, and how good it is"
METHODS = {"get", "post", "put", "patch", "delete"}


def explorer(page: Page) -> Page:
    """Open the explorer, and wait until the document is drawn."""
    page.goto("/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    return page


def opened(page: Page, summary: str) -> Locator:
    """Open the operation that has the summary."""
    described = page.locator(".opblock-summary-description").filter(has_text=re.compile(f"^{re.escape(summary)}$"))
    operation = page.locator(".opblock").filter(has=described)
    operation.locator(".opblock-summary-control").click()
    expect(operation.locator(".opblock-body")).to_be_visible()
    return operation


def test_every_operation_is_drawn_and_every_reference_of_the_document_resolves(
    new_page: NewPage, service_url: str
) -> None:
    paths = httpx.get(f"{service_url}/openapi.json").json()["paths"]
    page = explorer(new_page())
    operations = [operation for path in paths.values() for method, operation in path.items() if method in METHODS]
    expect(page.locator(".opblock")).to_have_count(len(operations))
    for operation in operations:
        opened(page, operation["summary"])
    expect(page.locator(".errors-wrapper")).to_have_count(0)


@pytest.mark.parametrize("media_type", ["multipart/form-data", "image/png"])
def test_trying_it_out_uploads_a_chosen_file(new_page: NewPage, media_type: str) -> None:
    operation = opened(explorer(new_page()), ONE)
    operation.get_by_label("Request content type").select_option(media_type)
    operation.locator("input[type=file]").set_input_files(photograph())
    operation.locator("button.execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer).to_contain_text('"probabilities"')
    expect(answer.locator(".response-col_status").last).to_contain_text("200")


def test_trying_it_out_uploads_many_chosen_files(new_page: NewPage) -> None:
    operation = opened(explorer(new_page()), MANY)
    for number in range(2):
        operation.get_by_role("button", name="Add a photograph").click()
        operation.locator("input[type=file]").nth(number).set_input_files(photograph())
    operation.get_by_role("button", name="Add a photograph").click()
    operation.get_by_role("button", name="Remove").last.click()
    operation.locator("button.execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    answers = json.loads(answer.locator(".highlight-code code").first.inner_text())["answers"]
    assert [answer["label"] in {"cat", "dog", "neither"} for answer in answers] == [True, True]


def test_trying_out_an_explanation_shows_the_picture(new_page: NewPage) -> None:
    operation = opened(explorer(new_page()), "Where does the network see it?")
    operation.locator("input[type=file]").set_input_files(photograph())
    operation.locator("button.execute").click()
    picture = operation.locator(".live-responses-table img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0


def test_where_a_key_is_asked_for_trying_it_out_works_once_it_is_given(chromium: Browser, tmp_path: Path) -> None:
    key = "0123456789abcdef"
    with service_process(tmp_path / "log", "--api-keys", key) as url:
        page = explorer(chromium.new_context(base_url=url).new_page())
        operation = opened(page, MODEL)
        operation.locator("button.execute").click()
        status = operation.locator(".live-responses-table .response-col_status").last
        expect(status).to_contain_text("401")
        page.get_by_role("button", name="Authorize").first.click()
        dialog = page.locator(".dialog-ux")
        dialog.locator("input").fill(key)
        dialog.get_by_role("button", name="Apply credentials").click()
        dialog.get_by_role("button", name="Close").click()
        operation.locator("button.execute").click()
        expect(status).to_contain_text("200")
        page.context.close()


def test_on_a_phone_no_button_stands_out_of_its_box(new_page: NewPage) -> None:
    page = explorer(new_page(viewport={"width": 360, "height": 740}))
    operation = opened(page, MANY)
    operation.get_by_role("button", name="Add a photograph").click()  # with which there is something to reset
    expect(operation.get_by_role("button", name="Reset")).to_be_visible()
    right = operation.evaluate("operation => operation.getBoundingClientRect().right")
    for button in operation.locator(".opblock-section-header button").all():
        assert button.evaluate("button => button.getBoundingClientRect().right") <= right
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_trying_it_out_without_an_upload_shows_the_model(new_page: NewPage) -> None:
    operation = opened(explorer(new_page()), MODEL)
    operation.locator("button.execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text('"sha256"')


def test_the_explorer_leads_back_to_the_page(new_page: NewPage) -> None:
    page = explorer(new_page())
    page.locator("nav a").click()
    expect(page.locator("h1")).to_have_id("question")


def test_without_javascript_the_explorer_names_the_document(new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/docs")
    expect(page.locator("noscript a")).to_have_attribute("href", "openapi.json")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_explorer_has_its_picture_taken(new_page: NewPage, scheme: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page = explorer(new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme))
    opened(page, ONE)
    page.screenshot(path=SCREENSHOTS / f"docs-{scheme}.png")
