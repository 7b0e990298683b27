"""The Dockerfile against the code: what it sets, opens, asks and copies is what the service has."""

import re
from pathlib import Path

from catdog_api.routes import unguarded
from catdog_api.settings import Settings

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVED = DOCKERFILE.rpartition("\nFROM ")[2]
"""The stage that becomes the image."""


def test_every_setting_in_the_container_is_one_of_the_service() -> None:
    named = set(re.findall(r"CATDOG_[A-Z_]+", SERVED))
    assert named >= {"CATDOG_HOST", "CATDOG_PORT"}
    assert named <= {f"CATDOG_{name.upper()}" for name in Settings.model_fields}


def test_the_opened_port_is_the_default_and_what_the_container_listens_on() -> None:
    port = str(Settings.model_fields["port"].default)
    assert re.findall(r"^EXPOSE (.*)$", SERVED, re.MULTILINE) == [port]
    assert re.findall(r"CATDOG_PORT=(\S+)", SERVED) == [port]


def test_the_health_check_asks_an_endpoint_that_exists() -> None:
    (asked,) = re.findall(r"'GET', '([^']+)'", SERVED)
    assert asked in {getattr(route, "path", None) for route in unguarded.routes}


def test_the_container_is_not_root() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", SERVED, re.MULTILINE)
    assert int(user) > 0


def test_the_build_sees_what_it_copies_and_nothing_of_the_training() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = {line[1:] for line in lines if line.startswith("!")}
    copied = {path.rstrip("/") for path in re.findall(r"^COPY ([a-z]\S+) ", DOCKERFILE, re.MULTILINE)}
    assert "*" in lines
    assert copied == {"requirements.lock", "src", "static", "models"}
    assert {path.split("/")[0] for path in admitted} == copied
    assert all((ROOT / path).exists() for path in admitted if not path.startswith("models/"))
