"""Who competes: each contender's command, its form of request, and the settings that its sweep tries."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "benchmarks" / "contenders"
OURS = "service"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to serve the model.

    Attributes:
        name: In results and on the command line.
        title: In the report.
        group: `earlier`, `documented`, `inside` (this project's decode and predict in another's frame) or `service`.
        environment: Its virtual environment's name, and that of its requirements.
        command: After the environment's `bin/`; `{port}` stands for the port.
        field: The multipart field that carries the photograph; None sends the raw body.
        settings: Environment variables to try, the first as the documentation has it.
    """

    name: str
    title: str
    group: str
    environment: str
    command: tuple[str, ...]
    field: str | None = "file"
    settings: tuple[Mapping[str, str], ...] = ({},)

    @property
    def decoding(self) -> str:
        """Whose decoder answers: `plain` or `ours`."""
        return "ours" if self.group in {"inside", "service"} else "plain"


def _module(name: str) -> tuple[str, ...]:
    return ("python", "-m", f"benchmarks.contenders.{name}")


def _bento(name: str) -> tuple[str, ...]:
    target = f"benchmarks.contenders.{name}:Catdog"
    return ("python", "-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", "{port}")


def _setting(workers: int, batch: int, wait: float, threads: int | None = None) -> dict[str, str]:
    """Return the environment of one setting; `threads` of TensorFlow in each worker, unasked one for each core."""
    setting = {"BENCHMARK_WORKERS": workers, "BENCHMARK_BATCH": batch, "BENCHMARK_WAIT_SECONDS": wait}
    if threads is not None:
        setting |= {"TF_NUM_INTRAOP_THREADS": threads}
    return {name: str(value) for name, value in setting.items()}


_ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1"}
# What each documentation names as its levers: processes, batch, the time a batch may wait, and threads beneath them.
_BATCHED = (
    _setting(1, 8, 0.01),
    _setting(1, 16, 0.02),
    _setting(2, 8, 0.01),
    _setting(2, 8, 0.01, threads=1),
    _setting(2, 16, 0.02, threads=1),
    _setting(2, 1, 0.0, threads=1),
)
# BentoML's window is the latest that an answer may be, 60 s unasked; how long to wait it learns. It has no batch of 1.
_BENTO = (
    _setting(1, 8, 60),
    _setting(1, 16, 60),
    _setting(2, 8, 60),
    _setting(2, 8, 60, threads=1),
    _setting(2, 16, 60, threads=1),
    _setting(2, 8, 0.5, threads=1),
)
# Not CATDOG_WORKERS: two answer a quarter more, for the same time of the processor an image and half as much memory
# again, and what is compared is the service as it comes.
_OURS: tuple[dict[str, str], ...] = ({}, {"CATDOG_MODEL_THREADS": "1"})
_SERVE = ("python", "-m", "catdog_api", "serve", "--port", "{port}")

CONTENDERS = (
    Contender(
        "flask", "Flask, `model.predict`", "earlier", "flask", _module("flask_predict"), settings=({}, _ONE_THREAD)
    ),
    Contender(
        "fastapi",
        "FastAPI, `model.predict` in an async endpoint",
        "earlier",
        "fastapi",
        _module("fastapi_predict"),
        settings=({}, _ONE_THREAD),
    ),
    Contender(
        "litserve-documented",
        "LitServe, as documented",
        "documented",
        "litserve",
        _module("litserve_documented"),
        settings=_BATCHED,
    ),
    Contender(
        "litserve-inside",
        "LitServe, our decode and predict",
        "inside",
        "litserve",
        _module("litserve_ours"),
        settings=_BATCHED,
    ),
    Contender(
        "bentoml-documented",
        "BentoML, as documented",
        "documented",
        "bentoml",
        _bento("bentoml_documented"),
        field="images",
        settings=_BENTO,
    ),
    Contender(
        "bentoml-inside",
        "BentoML, our decode and predict",
        "inside",
        "bentoml",
        _bento("bentoml_ours"),
        field="images",
        settings=_BENTO,
    ),
    Contender(
        "ray-documented",
        "Ray Serve, as documented",
        "documented",
        "ray",
        _module("ray_documented"),
        field=None,
        settings=_BATCHED,
    ),
    Contender(
        "ray-inside",
        "Ray Serve, our decode and predict",
        "inside",
        "ray",
        _module("ray_ours"),
        field=None,
        settings=_BATCHED,
    ),
    Contender(OURS, "**this service**", "service", "service", _SERVE, settings=_OURS),
    Contender("service-raw", "this service, raw body", "service", "service", _SERVE, field=None, settings=_OURS),
)


RUNTIMES = (
    "Keras, float32",
    "Keras, bfloat16",
    "ONNX Runtime, float32",
    "OpenVINO, float32",
    "OpenVINO, bfloat16",
    "LiteRT, float32",
)
"""What the network can run in, and its precision there: not contenders, which serve, but compared as the limit is."""


def chosen(names: list[str]) -> list[Contender]:
    """Return the contenders of these names, all for none.

    Raises:
        ValueError: A name is none of theirs.
    """
    known = {contender.name: contender for contender in CONTENDERS}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"No contender is called {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in names] or list(CONTENDERS)
