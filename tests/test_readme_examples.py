"""The README's commands and clients, run as they stand against a live service."""

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import skimage.data
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://localhost:8000"

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out the files that the examples name."""
    path = tmp_path_factory.mktemp("reader")
    Image.fromarray(skimage.data.chelsea()).save(path / "chelsea.jpg", quality=90)
    (path / "notes.txt").write_text("buy milk\n")
    return path


def blocks(language: str) -> list[str]:
    """Return the README's code of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def run(command: list[str], folder: Path) -> str:
    """Return what a command prints; it must end well and complain of nothing."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # the README's
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


CURLS = [line for line in re.findall(r"^\$ (curl .*localhost.*)$", README, re.MULTILINE) if " -o " not in line]


def test_there_are_examples_to_run() -> None:
    assert len(CURLS) >= 3
    assert [len(blocks(language)) for language in ("python", "javascript")] == [1, 1]


@pytest.mark.parametrize("line", CURLS)
def test_curl_answers_what_stands_below_it(line: str, folder: Path, service_url: str) -> None:
    answer = json.loads(run(["bash", "-c", line.replace("curl", "curl -s", 1).replace(ADDRESS, service_url)], folder))
    after = README.split(f"$ {line}\n```\n", 1)[1]
    shown = re.match(r"[^`]*(?:`[^`]+`[^`]*)*```json\n(.*?)^```", after, re.DOTALL | re.MULTILINE)
    if shown:
        assert_alike(answer, json.loads(shown[1]))
    else:
        assert answer["label"] == "cat"


def test_curl_gets_a_picture_of_where_it_looked(folder: Path, service_url: str) -> None:
    (line,) = re.findall(r"^\$ (curl .*explain' -o seen.png)$", README, re.MULTILINE)
    run(["bash", "-c", line.replace("curl", "curl -s", 1).replace(ADDRESS, service_url)], folder)
    with Image.open(folder / "seen.png") as picture:
        assert picture.format == "PNG"


def assert_alike(answer: object, shown: object) -> None:
    """Compare all but the last digits, which are the processor's."""
    if isinstance(shown, dict):
        assert isinstance(answer, dict)
        assert list(answer) == list(shown)
        for key, value in shown.items():
            assert_alike(answer[key], value)
    elif isinstance(shown, list):
        assert isinstance(answer, list)
        for one, other in zip(answer, shown, strict=True):
            assert_alike(one, other)
    else:
        assert answer == (pytest.approx(shown, abs=1e-3) if isinstance(shown, float) else shown)


def test_the_python_client_prints_what_it_says(folder: Path, service_url: str) -> None:
    (code,) = blocks("python")
    assert run([sys.executable, "-c", code.replace(ADDRESS, service_url)], folder) == "cat\n"


def test_the_javascript_client_returns_the_answer(folder: Path, service_url: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no node on the path.")
    (code,) = blocks("javascript")
    (folder / "client.mjs").write_text(
        code.replace(ADDRESS, service_url)
        + """
        import { readFile } from "node:fs/promises";
        console.log((await predict(new Blob([await readFile("chelsea.jpg")]))).label);
        await predict(new Blob([await readFile("notes.txt")])).catch((error) => console.log(error.message));
        """
    )
    assert run([node, "client.mjs"], folder) == "cat\nThe 9 bytes received are not an image.\n"


class _Busy(BaseHTTPRequestHandler):
    """Refuses the first request as a busy service does, and answers the next."""

    asked: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        """Read the upload; refuse or answer."""
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        is_first = len(self.asked) == 1
        body = json.dumps({"detail": "busy"} if is_first else {"label": "cat"}).encode()
        self.send_response(503 if is_first else 200)
        if is_first:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def busy_url() -> Iterator[str]:
    """Serve one 503 with Retry-After, and answers after it."""
    with HTTPServer(("127.0.0.1", 0), _Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_python_client_comes_again_when_a_busy_service_says(folder: Path, busy_url: str) -> None:
    (code,) = blocks("python")
    assert run([sys.executable, "-c", code.replace(ADDRESS, busy_url)], folder) == "cat\n"
    first, second = _Busy.asked
    photograph = (folder / "chelsea.jpg").read_bytes()
    assert photograph in first
    assert photograph in second
