"""`catdog-api predict --engine ray` with no cluster to join: Ray is started here, and ended with the command."""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from benchmarks.photographs import draw

RAYS_OWN = "ray-project/ray/issues/53727"  # an error that is none, of every run of Ray Data's: ray-project/ray#57733


def test_without_an_address_photographs_are_answered_here_whatever_cluster_was_killed_here_before(
    tmp_path: Path,
) -> None:
    """And nothing else is said."""
    folder, answers = tmp_path / "photographs", tmp_path / "answers.parquet"
    folder.mkdir()
    for number, data in enumerate(draw(3)):
        (folder / f"{number}.jpg").write_bytes(data)
    with TemporaryDirectory() as ray:  # its sockets' paths may have 107 characters, and pytest's folders have many
        note = Path(ray, "ray", "ray_current_cluster")
        note.parent.mkdir()
        note.write_text("127.0.0.1:1")  # where nobody listens
        environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        ran = subprocess.run(  # noqa: S603  # all of it is written here
            [sys.executable, "-m", "catdog_api", "predict", "--engine", "ray", str(folder), "--out", str(answers)],
            env={**environment, "RAY_TMPDIR": ray, "HOME": ray}, timeout=180,  # its token goes there
            check=False, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    said = [line for line in ran.stderr.splitlines() if RAYS_OWN not in line]
    assert re.fullmatch(r"3 answered, .*", "\n".join(said)), ran.stderr
    assert pq.read_table(answers)["path"].to_pylist() == sorted(str(path) for path in folder.iterdir())
