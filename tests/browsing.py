"""A real Chromium for the tests that look at pages, and what every page that it opens is held to."""

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, FilePayload, Page, Request, expect, sync_playwright

from tests.images import encode

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
)
ANSWER = {
    "label": "cat",
    "probabilities": {"cat": 0.9713, "dog": 0.0214, "neither": 0.0073},
    "image": {"width": 451, "height": 300, "format": "PNG"},
    "model": {"name": "catdog", "version": "1.0.0"},
}
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
        return context.new_page()

    expect.set_options(timeout=20_000)  # milliseconds; the machine may be busy with something else
    yield open_page
    for context in chromium.contexts:
        context.close()
    assert not faults, faults


def photograph(name: str = "chelsea.png", format_name: str = "PNG") -> FilePayload:
    """Return scikit-image's cat (CC0) as a file that a person could choose."""
    return file(name, encode(Image.fromarray(skimage.data.chelsea()), format_name))


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


def opened(page: Page) -> Page:
    """Open the page, and wait until the model has introduced itself."""
    page.goto("/")
    expect(page.locator("#curl")).not_to_be_empty()
    return page


def choose(page: Page, chosen: FilePayload | None = None) -> None:
    """Choose a file; by default the cat."""
    page.set_input_files("#file", chosen or photograph())


def expect_state(page: Page, state: str) -> None:
    """Wait until the page is in a state."""
    expect(page.locator("body")).to_have_attribute("data-state", state)


def bars(page: Page) -> list[tuple[str, str]]:
    """Read the bars from top to bottom: (label, share)."""
    items = page.locator("#bars li").all()
    return [(item.locator(".name").inner_text(), item.locator(".share").inner_text()) for item in items]
