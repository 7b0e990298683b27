"""A real Chromium for the tests that look at pages, and what every page that it opens is held to."""

import base64
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    FilePayload,
    Locator,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)

from tests.images import encode, quarters

NewPage = Callable[..., Page]

IS_REQUIRED = os.environ.get("CATDOG_REQUIRE_BROWSER") == "1"
# No sandbox: root has none, and the pages are this project's own. The rest keeps Chromium from calling home.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a green clock; whether a page may see it, each context says
)
ANSWER = {
    "label": "cat",
    "probabilities": {"cat": 0.9713, "dog": 0.0214, "neither": 0.0073},
    "image": {"width": 451, "height": 300, "format": "PNG"},
    "model": {"name": "catdog", "version": "1.0.0"},
}
PETS = {"cat": 0.9713, "dog": 0.0214, "neither": 0.0073}
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`violates ${event.violatedDirective}: ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`);
});
"""


# One a module, not a session: while it is open, an event loop runs in this thread, and other modules need their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start Chromium; skip where there is none, or fail where it must be."""
    path = shutil.which("chromium")
    if path is None:
        (pytest.fail if IS_REQUIRED else pytest.skip)("There is no chromium on the path: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser, service_url: str) -> Iterator[NewPage]:
    """Open pages whose addresses are the service's; at the end none may have left it, or broken its policy."""
    faults: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # Chromium says this of every status from 400 on, and those the tests provoke.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            faults.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith((f"{service_url}/", "blob:", "data:")):
            faults.append(f"a request for {request.url}")

    def open_page(**options: Any) -> Page:  # noqa: ANN401  # Playwright's, of a context
        context = chromium.new_context(base_url=service_url, **options)
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("request", on_request)
        context.on("console", on_console)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.set_default_timeout(60_000)
        return context.new_page()

    expect.set_options(timeout=60_000)  # milliseconds; the machine may be busy with something else
    yield open_page
    for context in chromium.contexts:
        context.close()
    assert not faults, faults


def photograph(name: str = "chelsea.png", format_name: str = "PNG") -> FilePayload:
    """Return scikit-image's cat (CC0) as a file that a person could choose."""
    return file(name, encode(Image.fromarray(skimage.data.chelsea()), format_name))


def drawing(name: str) -> FilePayload:
    """Return a small drawing as a file that a person could choose, where it is not about what it shows."""
    return file(name, encode(quarters(), "PNG"))


def file(name: str, content: bytes) -> FilePayload:
    """Return a file that a person could choose."""
    return {"name": name, "mimeType": "", "buffer": content}


def transfer(page: Page, event: str, *files: FilePayload) -> None:
    """Drop files on the page's heading, or paste them there."""
    script = """([event, files]) => {
      const transfer = new DataTransfer();
      for (const [name, content] of files) {
        transfer.items.add(new File([Uint8Array.from(atob(content), (byte) => byte.charCodeAt())], name));
      }
      const options = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
      const Kind = event === "paste" ? ClipboardEvent : DragEvent;
      document.querySelector("h1").dispatchEvent(new Kind(event, options));
    }"""
    page.evaluate(script, [event, [(each["name"], base64.b64encode(each["buffer"]).decode()) for each in files]])


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders as a file manager does, so that the browser itself reads them."""
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 50, "data": data})


def before(page: Page, probabilities: Mapping[str, float], figures: Mapping[str, Any] | None = None) -> Page:
    """Open the page before a model that gives every photograph these probabilities."""
    label = max(probabilities, key=lambda name: probabilities[name])
    model = {"name": "catdog", "version": "1.0.0", "labels": list(probabilities), "figures": figures or {}}
    page.route("**/model", partial(Route.fulfill, json=model))
    page.route("**/predict", partial(Route.fulfill, json={**ANSWER, "label": label, "probabilities": probabilities}))
    return opened(page)


def refusing(page: Page, status: int, problem: Mapping[str, object], times: int | None = None, **headers: str) -> None:
    """Let the service refuse photographs: always, or so many times."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    page.route("**/predict", partial(Route.fulfill, status=status, json=problem, headers=named), times=times)


def holding(page: Page, times: int | None = None) -> list[Route]:
    """Hold back what is asked of photographs; return the list that it gathers in."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/predict", hold, times=times)
    return held


def opened(page: Page) -> Page:
    """Open the page, and wait until the model has introduced itself."""
    page.goto("/")
    expect(page.locator("#curl")).not_to_be_empty()
    return page


def choose(page: Page, *chosen: FilePayload) -> None:
    """Choose files; by default the cat."""
    page.set_input_files("#file", chosen or [photograph()])


def expect_state(page: Page, state: str) -> None:
    """Wait until the page is in a state."""
    expect(page.locator("body")).to_have_attribute("data-state", state)


def card(page: Page, position: int = 0) -> Locator:
    """Return the card at a position."""
    return page.locator(".card").nth(position)


def names(page: Page) -> list[str]:
    """Read whose cards are there, in their order."""
    return page.locator(".card h3").all_text_contents()


def bars(shown: Page | Locator) -> list[tuple[str, str]]:
    """Read the bars from top to bottom: (label, share)."""
    items = shown.locator(".bars li").all()
    return [(item.locator(".name").inner_text(), item.locator(".share").inner_text()) for item in items]


def heard(page: Page) -> Locator:
    """Return what a screen reader says."""
    return page.get_by_role("status")


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until something is true of what this process has seen of the page."""
    for _ in range(1200):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("It did not become true.")
