"""What several processes count, told as one: by two real ones that count in a folder."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from catdog_api import gathering
from catdog_api.gathering import FOLDER_VARIABLE, forget, hand_on
from catdog_api.metrics import Metrics

COUNT = """
import sys
import time
from catdog_api.metrics import Metrics
metrics = Metrics(["overloaded"])
model = {"name": "fake", "version": "1", "sha256": "0" * 64, "input_size": 32, "precision": "float32"}
metrics.model_loaded(**model, labels=["cat", "dog"])
metrics.request_began()
metrics.queue_changed(5)
metrics.batch_formed(3)
metrics.answered("cat", {"predict": 0.02})
metrics.refused("overloaded")
while time.process_time() < 0.3:
    pass
print("counted", flush=True)
sys.stdin.read()
"""
TOGETHER = {
    "catdog_requests_in_flight": 2,
    "catdog_queue_depth": 10,
    "catdog_batch_size_sum": 6,
    'catdog_batch_size_bucket{le="3.0"}': 2,
    'catdog_answers_total{label="cat"}': 2,
    'catdog_answers_total{label="dog"}': 0,
    'catdog_refused_total{reason="overloaded"}': 2,
    'catdog_stage_duration_seconds_count{stage="predict"}': 2,
    'catdog_model_info{input_size="32",name="fake",precision="float32",sha256="000000000000",version="1"}': 1,
}
linux = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


def start(program: str, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a process that counts in a folder."""
    source = str(Path(__file__).resolve().parents[1] / "src")
    environment = {**os.environ, FOLDER_VARIABLE: str(folder), "PYTHONPATH": source}
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # ours


@pytest.fixture
def counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Start two processes that have counted, and live."""
    started = [start(COUNT, tmp_path) for _ in range(2)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == b"counted\n"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    yield started
    for process in started:
        process.communicate()


def series() -> dict[str, float]:
    """Return what any of them would tell, by the name and labels as they are written."""
    text = Metrics([]).expose("")[0].decode()
    return {name: float(value) for name, value in re.findall(r"^(\w\S*) (\S+)$", text, re.MULTILINE)}


@linux
def test_what_they_have_counted_is_added_up_and_a_dead_ones_gauges_are_not(
    counters: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    found = series()
    assert {name: found[name] for name in TOGETHER} == TOGETHER
    assert found["process_resident_memory_bytes"] > 2 * 10e6
    before = found["process_open_fds"]

    counters[0].send_signal(signal.SIGKILL)
    forget(counters[0].pid, str(tmp_path))
    counters[0].wait()
    found = series()
    changed = {"catdog_requests_in_flight": 1, "catdog_queue_depth": 5}
    assert {name: found[name] for name in TOGETHER} == {**TOGETHER, **changed}
    assert 0 < found["process_open_fds"] < before


@linux
def test_the_time_of_the_processor_never_falls_when_they_die(
    counters: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    def spent() -> float:
        return series()["process_cpu_seconds_total"]

    def ticks(pid: int) -> float:
        user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    both, one = spent(), ticks(counters[0].pid)
    assert both == pytest.approx(one + ticks(counters[1].pid), abs=0.1)
    assert one > 0.2
    counters[0].send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, counters[0].pid, os.WEXITED | os.WNOWAIT)
    told = [both, spent()]
    living = tmp_path / f"gauge_livesum_{counters[0].pid}.db"
    content = living.read_bytes()
    forget(counters[0].pid, str(tmp_path))
    told.append(spent())
    living.write_bytes(content)
    told.append(spent())  # as whoever asks in the middle of it finds the files: of one that has ended, and still lives
    living.unlink()
    counters[0].wait()
    told.append(spent())
    assert told == sorted(told)
    assert told[-1] < both + one / 2, "counted twice"


@linux
def test_of_one_that_nobody_knows_any_more_nothing_is_kept(
    counters: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    counters[0].send_signal(signal.SIGKILL)
    counters[0].wait()
    assert series()["process_open_fds"] > 0  # it is still among the living
    forget(counters[0].pid, str(tmp_path))
    assert not list(tmp_path.glob("ended_*"))
    assert not list(tmp_path.glob(f"gauge_live*_{counters[0].pid}.db"))


@linux
def test_of_their_starts_the_first_is_told(counters: list["subprocess.Popen[bytes]"], tmp_path: Path) -> None:
    told = series()["process_start_time_seconds"]
    counters[0].send_signal(signal.SIGKILL)
    forget(counters[0].pid, str(tmp_path))
    assert told <= series()["process_start_time_seconds"] < told + 3600


@linux
def test_a_file_that_is_just_made_and_one_that_is_just_gone_spoil_nothing(
    counters: list["subprocess.Popen[bytes]"],  # noqa: ARG001  # the fixture
    tmp_path: Path,
) -> None:
    (tmp_path / "counter_1.db").touch()
    (tmp_path / "gauge_livesum_1.db").symlink_to("nowhere")
    found = series()
    assert {name: found[name] for name in TOGETHER} == TOGETHER


@linux
def test_who_replaces_a_dead_one_counts_on_in_its_files(
    counters: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    ended = counters[0]
    ended.kill()
    forget(ended.pid, str(tmp_path))
    counters.append(start("import sys\nsys.stdin.readline()\n" + COUNT, tmp_path))
    hand_on(ended.pid, counters[2].pid, str(tmp_path))
    hand_on(ended.pid, counters[2].pid, str(tmp_path))  # of one that has counted nothing there is nothing
    assert counters[2].stdin is not None
    assert counters[2].stdout is not None
    counters[2].stdin.write(b"\n")
    counters[2].stdin.flush()
    assert counters[2].stdout.readline() == b"counted\n"
    found = series()
    assert (found['catdog_answers_total{label="cat"}'], found["catdog_batch_size_sum"]) == (3, 9)
    assert (found["catdog_queue_depth"], found["catdog_requests_in_flight"]) == (10, 2)
    names = {f"{kind}_{process.pid}.db" for kind in ("counter", "histogram") for process in counters[1:]}
    assert {path.name for path in tmp_path.glob("*.db") if "gauge" not in path.name} == names


@linux
@pytest.mark.parametrize("is_read", [False, True], ids=["before", "after"])
def test_what_is_handed_on_while_all_is_read_is_counted_once(
    counters: list["subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_read: bool
) -> None:
    read: Callable[[list[str]], object] = MultiProcessCollector.merge

    def merge(files: list[str]) -> object:
        found = read(files) if is_read else None
        hand_on(counters[0].pid, 1, str(tmp_path))
        return found or read(files)

    monkeypatch.setattr(MultiProcessCollector, "merge", staticmethod(merge))
    found = series()
    assert {name: found[name] for name in TOGETHER} == TOGETHER


def test_one_process_alone_counts_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert gathering.folder() is None
