"""The Dockerfile against the code: what it sets, opens, asks and copies is what the service has."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from catdog_api.routes import unguarded
from catdog_api.settings import Settings
from tests.images import RED, encode
from tests.service import wait_for_address

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = dict(re.findall(r"^FROM \S+ AS (\w+)$(.*?)(?=^FROM )", DOCKERFILE, re.MULTILINE | re.DOTALL))
SERVED = STAGES["service"]
RAY = STAGES["ray"]

CONFINED = """
mount --make-rprivate / && mount -o remount,bind,ro / && mount -t tmpfs -o ro none /tmp && cd / || exit 1
exec setpriv --reuid 54321 --regid 54321 --clear-groups --no-new-privs --bounding-set -all,+dac_read_search \
    --inh-caps -all,+dac_read_search --ambient-caps +dac_read_search -- "$@"
"""
"""As a hardened container: nothing to write to but what every one has in /dev, and a user whom no file knows.

It may read everything, because this interpreter may lie where only its owner looks; those of the image are open to all.
"""

AS_INSTALLED = (
    "import runpy, sys; sys.modules['matplotlib'] = None; runpy.run_module('catdog_api', run_name='__main__')"
)
"""The service without what Keras imports where it finds it, and the image has not."""


def can_confine() -> bool:
    """Say whether this process may give another one a root that nothing writes to."""
    unshare = shutil.which("unshare")
    if not unshare or not shutil.which("setpriv"):
        return False
    attempt = [unshare, "--mount", "sh", "-c", "mount --make-rprivate / && mount -o remount,bind,ro /"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0  # noqa: S603  # ours


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


@pytest.mark.parametrize("stage", [SERVED, RAY], ids=["service", "ray"])
def test_the_container_is_not_root(stage: str) -> None:
    *_, user = re.findall(r"^USER (\d+):\d+$", stage, re.MULTILINE)
    assert int(user) > 0


def test_the_service_is_built_unless_another_target_is_named() -> None:
    assert DOCKERFILE.endswith("\nFROM service\n")


def test_the_build_sees_what_it_copies_and_nothing_of_the_training() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = {line[1:] for line in lines if line.startswith("!")}
    copied = {path.rstrip("/") for path in re.findall(r"^COPY ([a-z]\S+) ", DOCKERFILE, re.MULTILINE)}
    assert "*" in lines
    assert copied == {"requirements.lock", "requirements-ray.lock", "src", "static", "models", "deploy/ray"}
    assert all(any(path == root or path.startswith(f"{root}/") for root in copied) for path in admitted)
    assert all(any(path == root or path.startswith(f"{root}/") for path in admitted) for root in copied)
    assert all([*ROOT.glob(path)] for path in admitted if not path.startswith("models/"))


@pytest.mark.model
@pytest.mark.skipif(not can_confine(), reason="needs Linux, and root's right to make a file system read-only")
def test_it_serves_with_a_root_that_nothing_writes_to_as_a_user_whom_nobody_knows(tmp_path: Path) -> None:
    (line,) = re.findall(r"^ENV PATH=\S+ (PYTHONPATH.*?)[^\\]$", SERVED, re.MULTILINE | re.DOTALL)
    environment = dict(pair.split("=", 1) for pair in line.replace("\\\n", "").split())
    environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    serve = [sys.executable, "-c", AS_INSTALLED, "serve", "--host", "127.0.0.1", "--port", "0"]
    log = tmp_path / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen(  # noqa: S603  # ours
            [shutil.which("unshare") or "", "--mount", "sh", "-c", CONFINED, "sh", *serve],
            stdout=stream,
            stderr=stream,
            env=environment,
        ) as process,
    ):
        try:
            address = wait_for_address(process, log)
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            photograph = encode(Image.new("RGB", (300, 200), RED), "JPEG")
            answer = httpx.post(f"{address}/predict", files={"file": photograph}, timeout=30)
        finally:
            process.terminate()
            process.wait(30)
    assert re.findall(r"^Uid:\s+(.*)$", status, re.MULTILINE) == ["\t".join(["54321"] * 4)]
    assert (answer.status_code, process.returncode) == (200, 0)
