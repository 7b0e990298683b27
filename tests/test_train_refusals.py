"""`training.train` from the command line: what it cannot work with ends it in one line, before the hours begin."""

from pathlib import Path

import pytest

from tests.wolves import draw, run

pytestmark = pytest.mark.training


def test_a_damaged_checkpoint_is_refused_in_one_line_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"PK")
    refused = run("train", "--data", tmp_path, "--out", tmp_path / "models", "--run", tmp_path, "--smoke")
    assert refused.returncode == 1
    assert refused.stderr == f"training: {tmp_path / 'checkpoint.npz'} is no checkpoint, or a damaged one.\n"
    assert (tmp_path / "checkpoint.npz").read_bytes() == b"PK"


def test_a_model_that_would_have_no_place_to_go_is_refused_before_the_first_epoch(tmp_path: Path) -> None:
    data, models = draw(tmp_path / "data", {"train": 20, "val": 2, "test": 2}), tmp_path / "models"
    models.write_text("a file, and no folder")
    refused = run("train", "--data", data, "--out", models, "--run", tmp_path / "run", "--smoke")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("training: ")
    assert refused.stderr.count("\n") == 1
    assert str(models) in refused.stderr
