"""The commands: `catdog-api serve` and `catdog-api predict PATH...`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import shtab

from catdog_api.errors import CatdogError, SettingsError
from catdog_api.finding import STDIN
from catdog_api.settings import Settings, read_settings

INTERRUPTED = 130  # as a shell reports SIGINT
PREDICT_SETTINGS = {"model", "max_pixels", "model_threads", "precision"}

EXAMPLES = """\
examples:
  catdog-api predict photo.jpg                             one line for a person
  catdog-api predict photos/ --json > answers.jsonl        a folder to the bottom, one JSON object a line
  catdog-api predict 'photos/**/*.jpg' --out answers.csv   given again, it goes on where it was stopped
  curl -s https://example.org/cat.jpg | catdog-api predict -
  catdog-api predict --follow intake/ --sort-into sorted/  each photograph as it arrives, until Ctrl-C
  catdog-api predict s3://photographs/2026 --engine ray --out s3://answers/2026.parquet
                                                           a bucket, on all machines of a Ray cluster

The status is 1 if any file had no answer.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit with status 1 and one line where it fails."""
    parser = _parser()
    parsed, rest = parser.parse_known_args(arguments)
    if parsed.command == "predict" and not any(text.startswith("-") and text != STDIN for text in rest):
        parsed.paths += rest  # argparse takes those behind an option for strangers
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    flags = {name: value for name, value in vars(parsed).items() if name in Settings.model_fields and value is not None}
    if parsed.command == "predict":
        _check(parser, parsed)
    try:
        settings = read_settings(flags)
        failures = _serve(settings) if parsed.command == "serve" else _predict(settings, parsed)
    except CatdogError as error:
        sys.exit(f"catdog-api: {error}")
    except BrokenPipeError:  # whoever read the answers has enough of them
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        sys.exit(1)
    except KeyboardInterrupt:  # while the model is loading, or over files; the running service ends in order
        sys.exit(INTERRUPTED)
    if failures:
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="catdog-api", description="Say what photographs show.")
    shtab.add_argument_to(parser, help="print a completion script for this shell")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer over HTTP: page, API and explorer")
    predict = commands.add_parser(
        "predict",
        help="answer for files, without a server",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_files(predict)
    for name, field in Settings.model_fields.items():
        text = f"{field.description} (CATDOG_{name.upper()})"
        for command in (serve, predict) if name in PREDICT_SETTINGS else (serve,):
            command.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=text)
    return parser


def _add_files(predict: argparse.ArgumentParser) -> None:
    text = "files, folders (to the bottom), patterns in quotes, or - for a photograph on standard input"
    _completed(predict.add_argument("paths", nargs="*", metavar="PATH", help=text), shtab.FILE)
    style = predict.add_mutually_exclusive_group()
    text = "one JSON object a line: the path, and the answer as /predict gives it, or a problem"
    style.add_argument("--json", dest="style", action="store_const", const="json", help=text)
    text = "a row for each file, under a header"
    style.add_argument("--csv", dest="style", action="store_const", const="csv", help=text)
    text = (
        "write to this file (CSV if it ends in .csv, otherwise JSON; with --engine ray a folder of Parquet files); "
        "given again, the command goes on where it stopped"
    )
    _completed(predict.add_argument("--out", metavar="FILE", help=text), shtab.FILE)
    text = (
        "local: on this machine; ray: on the Ray cluster of RAY_ADDRESS, or one of this machine's; there a PATH may "
        "also be an address such as s3://bucket/folder, and --out is a folder or an address that ends in .parquet"
    )
    predict.add_argument("--engine", choices=("local", "ray"), default="local", help=text)
    text = "answer what is in this folder and then each photograph as it arrives, until it is stopped"
    _completed(predict.add_argument("--follow", type=Path, metavar="DIR", help=text), shtab.DIRECTORY)
    text = "copy each answered file into the folder DIR/LABEL"
    _completed(predict.add_argument("--sort-into", type=Path, metavar="DIR", help=text), shtab.DIRECTORY)
    predict.add_argument("--link", action="store_true", help="with --sort-into: link in place of copying")


def _serve(settings: Settings) -> int:
    # Not at the top: TensorFlow takes seconds to import, and `--help` or a mistyped flag must not wait for it.
    if settings.workers > 1:
        from catdog_api import workers  # noqa: PLC0415

        return workers.serve(settings)
    from catdog_api.server import serve  # noqa: PLC0415

    serve(settings)
    return 0


def _predict(settings: Settings, parsed: argparse.Namespace) -> int:
    """Answer files, and return how many had no answer."""
    if parsed.engine == "ray":
        return _predict_on_ray(settings, parsed)
    from catdog_api.errand import Errand, run  # noqa: PLC0415  # likewise

    names = ("paths", "style", "follow", "sort_into", "link")
    out = Path(parsed.out) if parsed.out else None
    return run(settings, Errand(out=out, **{name: getattr(parsed, name) for name in names}))


def _predict_on_ray(settings: Settings, parsed: argparse.Namespace) -> int:
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        raise SettingsError("--engine ray needs Ray: pip install 'catdog-api[cluster]', or '.[cluster]' in a checkout.")
    from catdog_api.cluster import run  # noqa: PLC0415  # likewise, and few have it

    # In full, because other machines' processes have other folders to begin from.
    in_full = settings.model_copy(update={"model": settings.model.absolute()})
    return run(in_full, parsed.paths, parsed.out)


def _completed(argument: argparse.Action, by: dict[str, Any]) -> None:
    """Let the shell complete an argument's value; shtab looks for the attribute."""
    argument.complete = by  # type: ignore[attr-defined]


def _check(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    """Refuse what contradicts itself, with the usage and status 2."""
    if not parsed.paths and not parsed.follow:
        parser.error("predict needs a PATH, or --follow DIR")
    if parsed.paths and parsed.follow:
        parser.error("predict takes PATHs or --follow DIR, not both")
    if parsed.follow and not os.path.isdir(parsed.follow):  # noqa: PTH112  # Path.is_dir raises where it may not look
        parser.error(f"--follow: {parsed.follow} is no folder")
    if parsed.link and not parsed.sort_into:
        parser.error("--link needs --sort-into DIR")
    if parsed.sort_into and STDIN in parsed.paths:
        parser.error("--sort-into takes files, and standard input is none")
    _check_engine(parser, parsed)
    if parsed.style is None:
        suffix = Path(parsed.out).suffix.lower() if parsed.out else None
        parsed.style = "table" if suffix is None else "csv" if suffix == ".csv" else "json"


def _check_engine(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    """Refuse what one engine has and the other has not."""
    folder = (parsed.out or "").partition("?")[0]  # an address may have options behind it
    is_parquet = folder.rstrip("/").lower().endswith(".parquet")
    if parsed.engine == "ray":
        if not is_parquet:
            parser.error("--engine ray needs --out FOLDER.parquet")
        if parsed.style or parsed.follow or parsed.sort_into or STDIN in parsed.paths:
            parser.error("--engine ray takes no standard input, and no --json, --csv, --follow or --sort-into")
    elif is_parquet:
        parser.error("--out: Parquet is what --engine ray writes")
    elif address := next((path for path in parsed.paths if "://" in path), None):
        parser.error(f"{address}: addresses are for --engine ray")
