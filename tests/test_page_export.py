"""Answers on their way out of the page: as CSV, as JSON, as a command that a terminal runs."""

import csv
import json
import subprocess
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import FilePayload, Page, expect

from catdog_api.reporting import header
from tests.browsing import PETS, NewPage, before, card, choose, drawing, expect_state, file, opened, photograph
from tests.images import encode, quarters

pytestmark = [pytest.mark.browser, pytest.mark.model]

LARGE = encode(quarters(2400, 1200), "JPEG")


def downloaded(page: Page, name: str) -> str:
    """Return what a button downloads."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return Path(download.value.path()).read_bytes().decode()


def test_the_csv_has_the_columns_of_the_command_line_and_a_row_for_each_photograph(new_page: NewPage) -> None:
    page = opened(new_page())
    large: FilePayload = {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": LARGE}
    choose(page, photograph('a "quoted", name.png'), file("=1+1.txt", b"none"), large)
    expect_state(page, "done")
    text = downloaded(page, "Download CSV")
    assert text.splitlines()[0] == header("csv", list(PETS)).strip()
    answered, refused, scaled = csv.DictReader(text.splitlines())
    assert (answered["path"], answered["label"]) == ('a "quoted", name.png', "cat")
    assert sum(float(answered[label]) for label in PETS) == pytest.approx(1, abs=1e-5)
    assert (answered["width"], answered["height"], answered["format"], answered["problem"]) == ("451", "300", "PNG", "")
    assert refused["path"] == "'=1+1.txt"  # no spreadsheet may take a name for a formula
    assert refused["problem"].startswith("This is not a photograph. ")
    image = {"width": 2400, "height": 1200, "format": "JPEG"}  # the file's, and not those of what was sent
    assert {name: scaled[name] for name in image} == {name: str(value) for name, value in image.items()}
    assert json.loads(downloaded(page, "Download JSON"))[2]["image"] == image


@pytest.mark.parametrize(("padding", "has_command"), [(0, True), (10_000_000, False)], ids=["within", "above"])
def test_what_was_sent_smaller_has_a_command_if_the_file_is_within_the_services_limits(
    new_page: NewPage, padding: int, *, has_command: bool
) -> None:
    page = before(new_page(), PETS)
    choose(page, {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": LARGE + bytes(padding)})
    expect_state(page, "done")
    expect(card(page).locator(".about")).to_contain_text("sent as")
    expect(card(page).locator(".curl")).to_be_visible(visible=has_command)


def test_the_json_has_each_answer_as_the_api_gives_it(new_page: NewPage, service_url: str) -> None:
    page = opened(new_page())
    choose(page, photograph(), file("notes.txt", b"none"))
    expect_state(page, "done")
    answered, refused = json.loads(downloaded(page, "Download JSON"))
    api = httpx.post(f"{service_url}/predict", files={"file": photograph()["buffer"]}, timeout=30).json()
    assert answered["path"] == "chelsea.png"
    assert answered["probabilities"] == pytest.approx(api["probabilities"], abs=1e-4)
    assert {name: answered[name] for name in ("label", "image", "model")} == {
        name: api[name] for name in ("label", "image", "model")
    }
    assert refused["path"] == "notes.txt"
    assert refused["problem"]["title"] == "This is not a photograph."


@pytest.mark.parametrize("name", ["chelsea.png", 'it\'s; $(a) "cat", she \\ said.png'])
def test_the_copied_command_asks_the_same(new_page: NewPage, tmp_path: Path, name: str) -> None:
    page = opened(new_page())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, photograph(name))
    expect_state(page, "done")
    card(page).get_by_role("button", name="Copy as curl").click()
    expect(card(page).get_by_role("button", name="Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    (tmp_path / name).write_bytes(photograph()["buffer"])
    output = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True)  # noqa: S603, S607
    assert json.loads(output.stdout)["label"] == "cat"


def test_without_a_clipboard_the_command_is_written_down(new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script("delete Navigator.prototype.clipboard")  # as browsers have it over plain http
    before(page, PETS)
    choose(page, drawing("one.png"))
    expect_state(page, "done")
    card(page).locator(".curl").dblclick()
    expect(page.locator("#curl")).to_contain_text("curl -F file=@one.png ")
    expect(card(page).locator(".curl")).to_have_text("Shown below")
    expect(card(page).locator(".curl")).to_have_text("Copy as curl")


def test_nothing_can_be_downloaded_before_there_is_an_answer(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    page.route("**/predict", lambda _: None)
    choose(page, drawing("one.png"))
    for name in ("Download CSV", "Download JSON"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
