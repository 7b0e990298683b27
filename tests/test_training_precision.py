"""`training.precision`: a new run takes the faster type, and a resumed one that with which it began."""

from pathlib import Path

import pytest

from training.checkpoints import CheckpointError, save
from training.precision import faster_policy, policy_of

POLICIES = ["mixed_bfloat16", "float32"]


def test_the_faster_policy_is_one_of_the_two_and_so_is_that_of_a_new_run(tmp_path: Path) -> None:
    assert faster_policy() in POLICIES
    assert policy_of(tmp_path / "new" / "checkpoint.npz") in POLICIES


@pytest.mark.parametrize("policy", POLICIES)
def test_a_resumed_run_keeps_its_policy_whatever_is_faster_here(policy: str, tmp_path: Path) -> None:
    save(tmp_path / "checkpoint.npz", {}, {"precision": policy})
    assert policy_of(tmp_path / "checkpoint.npz") == policy


def test_a_damaged_checkpoint_is_not_taken_for_a_new_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"")
    with pytest.raises(CheckpointError):
        policy_of(tmp_path / "checkpoint.npz")
