"""The commands: `catdog-api serve` and `catdog-api predict FILE...`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from catdog_api.decoding import decode
from catdog_api.errors import CatdogError, ImageError, PredictionError
from catdog_api.problems import problem_of
from catdog_api.schemas import Prediction
from catdog_api.settings import Settings, read_settings

INTERRUPTED = 130  # as a shell reports SIGINT


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit with status 1 and one line where it fails."""
    parser = _parser()
    parsed = vars(parser.parse_args(arguments))
    command = parsed.pop("command")
    files = parsed.pop("files", [])
    try:
        settings = read_settings({name: value for name, value in parsed.items() if value is not None})
        failures = _serve(settings) if command == "serve" else _predict(settings, files)
    except CatdogError as error:
        sys.exit(f"catdog-api: {error}")
    except KeyboardInterrupt:  # while the model is loading; once the service runs, it ends in order
        sys.exit(INTERRUPTED)
    if failures:
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="catdog-api", description="Say what photographs show.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer over HTTP: page, API and explorer")
    predict = commands.add_parser("predict", help="answer for files, without a server; one JSON object a line")
    predict.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a photograph")
    for name, field in Settings.model_fields.items():
        text = f"{field.description} (CATDOG_{name.upper()})"
        for command in (serve, predict) if name in {"model", "max_pixels"} else (serve,):
            command.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=text)
    return parser


def _serve(settings: Settings) -> int:
    # Not at the top: TensorFlow takes seconds to import, and `--help` or a mistyped flag must not wait for it.
    from catdog_api.server import serve  # noqa: PLC0415

    serve(settings)
    return 0


def _predict(settings: Settings, files: Sequence[Path]) -> int:
    """Print an answer or a problem for each file, and return how many had none."""
    from catdog_api.classifier import load  # noqa: PLC0415  # likewise

    classifier = load(settings.model)
    failures = 0
    for path in files:
        try:
            photograph = decode(path.read_bytes(), classifier.manifest.input_size, max_pixels=settings.max_pixels)
            (probabilities,) = classifier.predict(photograph.image[None])
            answer = Prediction.of(classifier.manifest, photograph, probabilities).model_dump()
        except OSError as error:
            answer = {"problem": {"title": "Unreadable file", "detail": error.strerror}}
        except (ImageError, PredictionError) as error:
            answer = {"problem": problem_of(error).model_dump()}
        failures += "problem" in answer
        print(json.dumps({"path": str(path), **answer}, ensure_ascii=False), flush=True)  # noqa: T201  # its output
    return failures
