"""One line a request: what it says, and what it never says."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest
from PIL import Image

from catdog_api.logs import JsonFormatter, TerminalFormatter, configure, configure_own
from tests.conftest import Serve
from tests.images import RED, encode

JPEG = encode(Image.new("RGB", (40, 30), RED), "JPEG")


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    names = ("", "catdog_api", "uvicorn", "python_multipart")
    before = {name: (list((log := logging.getLogger(name)).handlers), log.propagate, log.level) for name in names}
    yield
    for name, (handlers, propagate, level) in before.items():
        log = logging.getLogger(name)
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)


async def lines(serve: Serve, capsys: pytest.CaptureFixture[str], level: str = "info") -> list[str]:
    configure(level)
    client = await serve()
    await client.post("/predict", files={"file": ("secret-name.jpg", JPEG)})
    await client.post("/predict", files={"file": ("secret-name.jpg", b"secret content")})
    return capsys.readouterr().err.splitlines()


async def test_away_from_a_terminal_each_request_is_one_json_object(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    answered, refused = map(json.loads, await lines(serve, capsys))
    assert answered["message"] == "POST /predict"
    assert (answered["status"], answered["label"]) == (200, "cat")
    assert {"id", "ms", "parse_ms", "decode_ms", "queue_ms", "predict_ms", "respond_ms", "time", "level"} <= set(
        answered
    )
    assert (refused["status"], refused["problem"]) == (415, "/problems/not-an-image")


async def test_neither_file_names_nor_contents_are_logged(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert not [line for line in await lines(serve, capsys, "debug") if "secret" in line]


async def test_a_library_that_quotes_an_upload_is_not_heard(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug")
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    await (await serve()).post("/predict", content=b"secret", headers=headers)
    assert [json.loads(line)["status"] for line in capsys.readouterr().err.splitlines()] == [400]


async def test_a_path_cannot_write_lines_or_colours_of_its_own(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    configure("info")
    await (await serve()).get("/a%0d%0aPOST%20/predict%1b%5b31m")
    (line,) = capsys.readouterr().err.splitlines()
    assert "/a%0D%0APOST%20/predict%1B%5B31m" in line


async def test_on_a_terminal_the_line_is_for_a_person(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    answered, _ = await lines(serve, capsys)
    assert "POST /predict" in answered
    assert "status=200 label=cat" in answered


async def test_in_a_process_of_another_s_only_the_service_s_own_lines_are_written(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = [logging.NullHandler()]
    logging.getLogger().handlers = [*theirs]
    configure_own("info")
    client = await serve()
    await client.post("/predict", files={"file": JPEG})
    logging.getLogger("another").error("not ours")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["status"] == 200
    assert logging.getLogger().handlers == theirs
    assert logging.getLogger("python_multipart").level == logging.CRITICAL


async def test_a_quieter_level_logs_no_requests(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert await lines(serve, capsys, "warning") == []


async def test_the_id_in_the_log_is_returned_to_the_caller(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    response = await (await serve()).get("/health/live")
    assert json.loads(capsys.readouterr().err)["id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("formatter", [JsonFormatter(), TerminalFormatter()])
def test_a_traceback_is_kept_for_the_operator(formatter: logging.Formatter) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        record = logging.LogRecord("catdog_api", logging.ERROR, "", 0, "failed", None, sys.exc_info())
    assert "ZeroDivisionError: division by zero" in formatter.format(record)
