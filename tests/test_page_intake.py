"""How photographs come to the page: dropped, pasted, from a folder, from a phone's camera."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browsing import (
    PETS,
    NewPage,
    before,
    card,
    drawing,
    drop,
    expect_state,
    file,
    names,
    opened,
    photograph,
    transfer,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.model]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay out a folder with photographs on two floors, and with three files that are none."""
    top = tmp_path / "pets"
    for name in ("10.png", "9.png", "young/kitten.png", "young/.DS_Store", "young/._kitten.png", "notes.txt"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(photograph()["buffer"] if name.endswith("png") else b"no picture")
    return top


def test_photographs_dropped_anywhere_are_answered(new_page: NewPage, folder: Path) -> None:
    page = opened(new_page())
    drop(page, folder / "9.png", folder / "10.png")
    expect_state(page, "done")
    assert names(page) == ["9.png", "10.png"]
    assert [card(page, position).locator(".headline").inner_text() for position in (0, 1)] == ["cat", "cat"]


def test_what_is_held_above_the_page_is_welcomed(new_page: NewPage) -> None:
    page = opened(new_page())
    script = """(kind) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["x"], "x.png"));
      const options = { bubbles: true, cancelable: true, dataTransfer };
      document.querySelector("h1").dispatchEvent(new DragEvent(kind, options));
    }"""
    for kind, is_welcomed in (("dragover", True), ("dragleave", False)):
        page.evaluate(script, kind)
        assert page.evaluate("document.body.hasAttribute('data-dropping')") is is_welcomed


def test_a_photograph_on_the_clipboard_is_pasted(new_page: NewPage) -> None:
    page = opened(new_page())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (content) => {
          const blob = new Blob([Uint8Array.from(content)], { type: "image/png" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        list(photograph()["buffer"]),
    )
    page.keyboard.press("Control+V")
    expect(card(page).locator(".headline")).to_have_text("cat")


def test_a_folder_is_taken_to_its_bottom_by_name_and_what_is_no_photograph_is_passed_over(
    new_page: NewPage, folder: Path
) -> None:
    for way in ("dropped", "chosen"):
        page = before(new_page(), PETS)
        if way == "dropped":
            drop(page, folder)
        else:
            page.locator("#folder").set_input_files(folder)
        expect_state(page, "done")
        assert names(page) == ["pets/9.png", "pets/10.png", "pets/young/kitten.png"]
        expect(page.locator("#note")).to_have_text("Skipped in the folder, as no photographs: 3.")


def test_a_dropped_folder_of_more_than_a_hundred_photographs_loses_none(new_page: NewPage, tmp_path: Path) -> None:
    for number in range(130):
        (tmp_path / f"{number}.png").write_bytes(drawing("")["buffer"])
    page = before(new_page(), PETS)
    drop(page, tmp_path)
    until(page, lambda: len(names(page)) == 130)
    assert names(page)[:3] == [f"{tmp_path.name}/{number}.png" for number in range(3)]
    expect(page.locator("#count")).to_have_text("130 photographs", timeout=120_000)


def test_a_folder_without_a_photograph_says_so(new_page: NewPage, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    page = opened(new_page())
    drop(page, tmp_path)
    expect(page.locator("#note")).to_have_text("There is no photograph in this folder.")
    expect_state(page, "idle")


def test_a_file_that_was_pointed_at_is_refused_and_not_passed_over(new_page: NewPage, folder: Path) -> None:
    page = opened(new_page())
    drop(page, folder / "notes.txt")
    expect(card(page).locator(".headline")).to_have_text("This is not a photograph.")


def test_what_is_no_file_says_what_to_do(new_page: NewPage) -> None:
    page = opened(new_page())
    for way in ("drop", "paste"):
        transfer(page, way)
        expect(page.locator("#note")).to_have_text("That was not a file: save the picture first.")
        transfer(page, way, drawing("one.png"))
        expect(page.locator("#note")).to_be_empty()


def test_a_phone_takes_a_picture_with_its_own_camera(new_page: NewPage) -> None:
    page = opened(new_page(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740}))
    shot = page.get_by_label("Take a picture")
    expect(shot).to_have_attribute("capture", "environment")
    shot.set_input_files(file("IMG_0001.JPG", photograph(format_name="JPEG")["buffer"]))
    expect(card(page).locator(".headline")).to_have_text("cat")
