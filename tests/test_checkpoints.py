"""`training.checkpoints`: what goes in comes out, and nothing but a whole checkpoint is ever taken for one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from training.checkpoints import CheckpointError, load, save

ROOT = Path(__file__).resolve().parents[1]
RECORD: dict[str, Any] = {"history": [{"epoch": 1, "loss": 0.25}], "labels": ["Käuzchen", "dog"], "steps": 7}


def _array(dtype: str, *shape: int) -> npt.NDArray[Any]:
    return np.random.default_rng(1).integers(0, 2, shape).astype(dtype)


ARRAYS = {
    "network": [_array("float32", 3, 3, 2, 4), _array("float32", 4)],
    "optimizer state": [_array("int64"), _array("float64", 2), _array("float16", 0, 3)],
    "none": [],
    "losses": [np.array([np.inf, np.nan, 0.5], np.float32), _array("bool", 5), _array("uint8", 2, 2)],
}


def test_arrays_and_record_come_back_as_they_went_in(tmp_path: Path) -> None:
    save(tmp_path / "run.npz", ARRAYS, RECORD)
    arrays, record = load(tmp_path / "run.npz")
    assert record == RECORD
    assert list(arrays) == ["network", "optimizer state", "losses"]
    for name, group in arrays.items():
        for array, expected in zip(group, ARRAYS[name], strict=True):
            np.testing.assert_array_equal(array, expected, strict=True)


def test_more_than_ten_arrays_of_a_name_keep_their_order(tmp_path: Path) -> None:
    save(tmp_path / "run.npz", {"network": [np.array(number) for number in range(25)]}, {})
    assert [int(array) for array in load(tmp_path / "run.npz")[0]["network"]] == list(range(25))


def test_a_checkpoint_takes_the_place_of_the_one_before_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    save(tmp_path / "run.npz", ARRAYS, RECORD)
    save(tmp_path / "run.npz", {"network": [np.ones(3)]}, {"steps": 8})
    arrays, record = load(tmp_path / "run.npz")
    assert (list(arrays), record) == (["network"], {"steps": 8})
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


KILLED_WHILE_WRITING = """
import os, sys
from pathlib import Path
import numpy as np
from training.checkpoints import save

class Kill:
    def __array__(self, dtype=None, copy=None):
        os._exit(9)

save(Path(sys.argv[1]), {"network": [np.ones(1_000_000), Kill()]}, {"steps": 8})
"""


def test_a_kill_while_writing_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    save(path, ARRAYS, RECORD)
    killed = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", KILLED_WHILE_WRITING, path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    assert killed.returncode == 9
    (half,) = set(tmp_path.iterdir()) - {path}
    assert half.stat().st_size > 1_000_000
    assert load(path)[1] == RECORD
    save(path, ARRAYS, {"steps": 9})
    assert load(path)[1] == {"steps": 9}
    assert list(tmp_path.iterdir()) == [path]


def _npz(path: Path, **content: object) -> None:
    with path.open("wb") as file:
        np.savez(file, **content)  # type: ignore[arg-type]  # pickled, where it is no array


def _npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def _damage(path: Path, *, keep: float = 1.0) -> None:
    save(path, ARRAYS | {"network": [np.ones(1000)]}, RECORD)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content[: int(len(content) * keep)])


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_text("epoch 1\n"), id="text"),
        pytest.param(lambda path: path.write_bytes(b"PK\3\4" + bytes(100)), id="the-beginning-of-an-archive"),
        pytest.param(lambda path: _damage(path, keep=0.7), id="cut-off"),
        pytest.param(_damage, id="a-byte-changed"),
        pytest.param(_npy, id="one-array"),
        pytest.param(lambda path: _npz(path, weights=np.ones(3)), id="no-record"),
        pytest.param(lambda path: _npz(path, record=np.array("epoch 1")), id="a-record-of-something-else"),
        pytest.param(lambda path: _npz(path, record={"steps": 1}), id="a-pickled-record"),
        pytest.param(lambda path: _npz(path, record=np.array("{}"), weights=Path()), id="a-pickled-array"),
    ],
)
def test_what_is_no_whole_checkpoint_is_refused_by_its_name(write: Any, tmp_path: Path) -> None:  # noqa: ANN401  # of many types
    path = tmp_path / "run.npz"
    write(path)
    with pytest.raises(CheckpointError) as refusal:
        load(path)
    assert str(refusal.value) == f"{path} is no checkpoint, or a damaged one."


def test_a_checkpoint_that_is_missing_or_a_folder_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "run.npz")
    with pytest.raises(OSError, match="directory"):
        load(tmp_path)


def test_what_cannot_be_written_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    save(path, ARRAYS, RECORD)
    (tmp_path / "run.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        save(path, ARRAYS, {"steps": 8})
    assert load(path)[1] == RECORD
