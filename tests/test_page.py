"""What the page does, in a real Chromium before a real service process.

The fixture `new_page` fails every test in which a request leaves the origin, the policy is broken or a script errs.
"""

from functools import partial

import httpx
import pytest
from playwright.sync_api import FilePayload, Route, expect

from catdog_api.problems import KINDS
from tests.browsing import ANSWER, NewPage, bars, choose, expect_state, file, opened, photograph, transfer
from tests.images import encode, quarters

pytestmark = [pytest.mark.browser, pytest.mark.model]


def test_a_chosen_photograph_is_shown_and_answered_as_the_api_answers_it(new_page: NewPage, service_url: str) -> None:
    chosen = photograph()
    api = httpx.post(f"{service_url}/predict", files={"file": chosen["buffer"]}, timeout=30).json()
    page = opened(new_page())
    choose(page, chosen)
    expect(page.locator("#headline")).to_have_text(api["label"])
    expect(page.locator("#about")).to_contain_text(f"answered by {api['model']['name']} {api['model']['version']}")
    assert page.locator("#photograph").evaluate("image => image.naturalWidth") == 451
    assert [label for label, _ in bars(page)] == list(api["probabilities"])


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_dropped_or_pasted_photograph_is_answered_with_bars_for_every_label(
    new_page: NewPage, service_url: str, event: str
) -> None:
    page = opened(new_page())
    transfer(page, event, photograph())
    expect_state(page, "answer")
    shown = bars(page)
    assert [label for label, _ in shown] == httpx.get(f"{service_url}/model").json()["labels"]
    assert all(share.endswith("%") for _, share in shown)


def test_the_keyboard_alone_chooses_a_photograph_and_another(new_page: NewPage) -> None:
    page = new_page()
    # Playwright catches choosers from when a listener is there, but does not wait for that: have one before the key.
    page.on("filechooser", lambda _: None)
    opened(page).keyboard.press("Tab")
    for name in ("one.png", "two.png"):
        expect(page.locator("#file")).to_be_focused()
        assert page.locator(".zone").evaluate("zone => getComputedStyle(zone).outlineStyle") == "solid"
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        with page.expect_response("**/predict"):
            chooser.value.set_files(photograph(name))
        expect_state(page, "answer")


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        pytest.param(file("notes.txt", b"no picture " * 9), "This is not a photograph.", id="text"),
        pytest.param(file("empty.jpg", b""), "This file is empty.", id="empty"),
        pytest.param(file("big.jpg", bytes(11 * 1024**2)), "This file is too large.", id="too-many-bytes"),
        pytest.param(
            file("wide.png", encode(quarters(10_000, 6_000).convert("1"), "PNG")),
            "This picture has too many pixels.",
            id="too-many-pixels",
        ),
        pytest.param(file("cut.png", photograph()["buffer"][:9000]), "This photograph is damaged.", id="truncated"),
        pytest.param(file("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "This kind of image", id="svg"),
    ],
)
def test_what_the_service_refuses_gets_a_sentence_and_a_reason(
    new_page: NewPage, refused: FilePayload, sentence: str
) -> None:
    page = opened(new_page())
    choose(page, refused)
    expect(page.locator("#headline")).to_contain_text(sentence)
    expect(page.locator("#detail")).not_to_be_empty()
    expect_state(page, "refusal")
    for hidden in ("#bars", "#retry"):
        expect(page.locator(hidden)).to_be_hidden()


def test_every_problem_of_the_api_has_a_sentence_for_people(new_page: NewPage) -> None:
    page = opened(new_page())
    for kind in KINDS.values():
        problem = {"type": f"/problems/{kind.name}", "title": kind.title, "status": kind.status, "detail": kind.name}
        page.route("**/predict", partial(Route.fulfill, status=kind.status, json=problem))
        choose(page)
        expect(page.locator("#detail")).to_contain_text(kind.name)
        assert page.locator("#headline").inner_text() not in {"", kind.title}
        expect(page.locator("#retry")).to_be_visible(visible=kind.status >= 500)


def test_a_busy_service_says_when_to_try_again_and_trying_again_is_one_key(new_page: NewPage) -> None:
    page = opened(new_page())
    problem = {"type": "/problems/overloaded", "title": "Overloaded", "status": 503, "detail": "64 wait already."}
    page.route("**/predict", partial(Route.fulfill, status=503, json=problem, headers={"Retry-After": "3"}), times=1)
    choose(page)
    expect(page.locator("#answer")).to_contain_text("The service is busy.")
    expect(page.locator("#detail")).to_have_text("64 wait already. Try again in 3 seconds.")
    page.locator("#retry").press("Enter")
    expect_state(page, "answer")
    expect(page.locator("#file")).to_be_focused()


def test_offline_and_unreachable_are_told_apart(new_page: NewPage) -> None:
    page = opened(new_page())
    page.route("**/predict", lambda route: route.abort("connectionrefused"))
    choose(page)
    expect(page.locator("#headline")).to_have_text("The service cannot be reached.")
    page.context.set_offline(offline=True)
    page.locator("#retry").click()
    expect(page.locator("#headline")).to_have_text("You are offline.")


def test_no_answer_in_a_minute_is_said(new_page: NewPage) -> None:
    page = new_page()
    page.clock.install()
    page.route("**/predict", lambda _: None)
    choose(opened(page))
    expect_state(page, "working")
    page.clock.fast_forward(61_000)
    expect(page.locator("#answer")).to_contain_text("No answer came.")


def test_a_late_answer_never_overwrites_a_newer_one(new_page: NewPage) -> None:
    page = opened(new_page())
    # The first request is never told that it is given up: its answer comes when the second has been read.
    page.evaluate("""() => {
      const answers = [];
      window.fetch = () => new Promise((resolve) => answers.push(resolve));
      window.asked = async (count) => {
        while (answers.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
      };
      window.release = (index, answer) => answers[index](Response.json(answer));
    }""")
    for count in (1, 2):
        choose(page)
        page.evaluate("count => asked(count)", count)
    page.evaluate("answer => release(1, answer)", ANSWER)
    expect_state(page, "answer")
    page.evaluate("answer => release(0, answer)", {**ANSWER, "label": "dog"})
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 50))")
    assert page.locator("#headline").inner_text() == "cat"


def test_a_photograph_that_the_browser_cannot_show_is_answered_beside_its_name(new_page: NewPage) -> None:
    page = opened(new_page())
    choose(page, photograph("scan.tiff", "TIFF"))
    expect_state(page, "answer")
    expect(page.locator("#placeholder")).to_contain_text("scan.tiff")
    expect(page.locator("#photograph")).to_be_hidden()


def test_every_photograph_but_the_one_in_the_frame_is_let_go(new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script("""
      window.held = new Set();
      const { createObjectURL: create, revokeObjectURL: revoke } = URL;
      URL.createObjectURL = (file) => { const url = create.call(URL, file); held.add(url); return url; };
      URL.revokeObjectURL = (url) => { held.delete(url); revoke.call(URL, url); };
    """)
    opened(page)
    for _ in range(3):
        choose(page)
    expect_state(page, "answer")
    assert page.evaluate("() => [...held]") == [page.locator("#photograph").get_attribute("src")]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        pytest.param([], "That was not a file.", id="none"),
        pytest.param([photograph(), photograph()], "One photograph at a time, please.", id="two"),
    ],
)
def test_a_drop_that_is_not_one_file_is_not_sent(new_page: NewPage, files: list[FilePayload], sentence: str) -> None:
    page = opened(new_page())
    page.route("**/predict", lambda route: pytest.fail(f"{route.request.url} was asked"))
    transfer(page, "drop", *files)
    expect(page.locator("#headline")).to_have_text(sentence)
