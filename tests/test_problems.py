"""Every error has one status, one name, and a place in the OpenAPI document."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from catdog_api import errors
from catdog_api.app import create_app
from catdog_api.problems import KINDS, MEDIA_TYPE, ProblemMiddleware, about_blank, problem_of, written
from catdog_api.settings import Settings

STOP_THE_START = {errors.ArtifactError, errors.SettingsError}


def leaves(error: type[errors.CatdogError]) -> Iterator[type[errors.CatdogError]]:
    """Yield the errors that have no more special ones below them."""
    children = error.__subclasses__()
    if not children:
        yield error
    for child in children:
        yield from leaves(child)


def test_every_error_that_a_request_can_end_in_has_a_status() -> None:
    assert set(KINDS) == set(leaves(errors.CatdogError)) - STOP_THE_START


def test_no_two_problems_share_a_name() -> None:
    assert len({kind.name for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("error", KINDS)
def test_every_problem_is_in_the_openapi_document_with_an_example(error: type[errors.CatdogError]) -> None:
    kind = KINDS[error]
    document = create_app(Settings(api_keys=("k" * 16,), rate_limit=1)).openapi()
    examples = [
        content["examples"][kind.name]["value"]
        for path in document["paths"].values()
        for operation in path.values()
        for status, response in operation["responses"].items()
        if int(status) == kind.status
        and kind.name in (content := response["content"].get(MEDIA_TYPE, {"examples": {}}))["examples"]
    ]
    assert examples
    assert all(example["status"] == kind.status and example["detail"] for example in examples)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {word for word in (errors.__doc__ or "").split() if word.endswith("Error")}
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert drawn == defined


def test_a_problem_carries_the_words_of_its_error() -> None:
    problem = problem_of(errors.EmptyImageError("The file is empty."))
    assert (problem.status, problem.detail) == (422, "The file is empty.")


@pytest.mark.parametrize("path", ["/v2", "/v2/", "/v2/models/catdog/infer"])
def test_in_the_open_inference_protocol_it_carries_nothing_else(path: str) -> None:
    problem = about_blank(HTTPStatus.UNPROCESSABLE_ENTITY, "The file is empty.")
    assert written(problem, path) == (400, "application/json", '{"error": "The file is empty."}')
    assert written(problem, "/v20")[:2] == (422, MEDIA_TYPE)


def test_what_a_request_for_many_can_end_in_is_documented() -> None:
    responses = create_app(Settings()).openapi()["paths"]["/predict/batch"]["post"]["responses"]
    named = {
        name for answer in responses.values() for name in answer["content"].get(MEDIA_TYPE, {}).get("examples", {})
    }
    assert {"overloaded", "caller-left", "too-many-files"} <= named


def test_every_success_is_described_in_words_of_its_own() -> None:
    document = create_app(Settings()).openapi()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert "Successful Response" not in {operation["responses"]["200"]["description"] for operation in operations}
    assert all(word in document["info"]["description"] for word in ("404", "405", "about:blank"))


def test_no_title_speaks_of_one_file_where_many_are_taken() -> None:
    assert KINDS[errors.TooManyFilesError].title == "Too many files"


def test_the_openapi_document_offers_a_file_to_pick_and_a_raw_body() -> None:
    document = create_app(Settings(model=Path("unused"))).openapi()
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert content["multipart/form-data"]["schema"]["properties"]["file"]["format"] == "binary"
    assert content["image/jpeg"]["schema"]["format"] == "binary"
    assert "413" in document["paths"]["/predict"]["post"]["responses"]


async def test_an_answer_that_breaks_off_is_left_to_the_server_to_end() -> None:
    async def half(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    async def receive() -> Message:
        return {}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(ZeroDivisionError):
        await ProblemMiddleware(half)({"type": "http", "state": {"id": "1"}}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
