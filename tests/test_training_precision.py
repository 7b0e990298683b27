"""`training.precision`: a new run takes the faster type, and a resumed one that with which it began."""

from pathlib import Path

import pytest

from training import precision
from training.checkpoints import CheckpointError, save
from training.precision import policy_of

POLICIES = ["mixed_bfloat16", "float32"]


@pytest.mark.parametrize("faster", POLICIES)
def test_a_new_run_takes_what_is_faster_here(faster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slower = {"mixed_bfloat16": "float32", "float32": "bfloat16"}[faster]
    measured = precision._seconds  # noqa: SLF001  # what a busy machine would change
    monkeypatch.setattr(precision, "_seconds", lambda dtype: measured(dtype) + 1000 * (dtype == slower))
    assert policy_of(tmp_path / "new" / "checkpoint.npz") == faster


@pytest.mark.parametrize("policy", POLICIES)
def test_a_resumed_run_keeps_its_policy_whatever_is_faster_here(policy: str, tmp_path: Path) -> None:
    save(tmp_path / "checkpoint.npz", {}, {"precision": policy})
    assert policy_of(tmp_path / "checkpoint.npz") == policy


def test_a_damaged_checkpoint_is_not_taken_for_a_new_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"")
    with pytest.raises(CheckpointError):
        policy_of(tmp_path / "checkpoint.npz")
