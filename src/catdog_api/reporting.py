"""How answers are written for files: a table for people, JSON lines or CSV for machines; and read again to resume."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from catdog_api.errors import SettingsError

Style = Literal["table", "json", "csv"]


def shown(path: str) -> str:
    r"""Return a path as text that every output can hold: a byte of a name that is no UTF-8 reads `\udc..`."""
    return path.encode("utf-8", "backslashreplace").decode()


def header(style: Style, labels: Sequence[str]) -> str:
    """Return what stands before the first answer, with its line end; only CSV has something."""
    return _csv(_columns(labels)) if style == "csv" else ""


def line(style: Style, labels: Sequence[str], path: str, content: Mapping[str, Any]) -> str:
    """Write one answer down.

    Args:
        style: Of the output.
        labels: In the manifest's order.
        path: Of the file.
        content: As `/predict` answers, or a `problem`.

    Returns:
        One line, with its end.
    """
    if style == "json":
        return json.dumps({"path": shown(path), **content}, ensure_ascii=False) + "\n"
    problem = content.get("problem")
    if style == "csv":
        name, nothing = _harmless(shown(path)), [""] * len(labels)
        if problem:
            return _csv([name, "", *nothing, "", "", "", f"{problem['title']}: {problem['detail']}"])
        image, probabilities = content["image"], content["probabilities"]
        numbers = [format(probabilities[label], ".6f") for label in labels]
        return _csv([name, content["label"], *numbers, image["width"], image["height"], image["format"], ""])
    width = max(len(label) for label in labels)
    if problem:
        return f"{'-':<{width}}           {_one_line(path)}: {problem['detail']}\n"
    probability = content["probabilities"][content["label"]]
    return f"{content['label']:<{width}}  {probability:7.2%}  {_one_line(path)}\n"


def summary(counts: Mapping[str, int], *, failed: int, passed_over: int, earlier: int, seconds: float) -> str:
    """Say in one line, with its end, what became of many files.

    Args:
        counts: Answers of each label, in the manifest's order.
        failed: Files without an answer.
        passed_over: Files that are no images.
        earlier: Files that an earlier run has answered.
        seconds: That all of it took.
    """
    answered = sum(counts.values())
    parts = [", ".join(f"{count:,} {label}" for label, count in counts.items())]
    if failed:
        parts.append(f"{failed:,} without an answer")
    if passed_over:
        parts.append(f"{passed_over:,} passed over, which are no images")
    if earlier:
        parts.append(f"{earlier:,} answered before")
    return f"{answered:,} answered, {answered / max(seconds, 0.001):,.0f} a second: {'; '.join(parts)}\n"


class Earlier:
    """What a run that was stopped has left in its output. One an errand; one thread.

    Args:
        file: The output, or None; what stands behind its last whole line is cut off: it was being written at the end.
        style: Of the output: json or csv.
        labels: Of the model that answers now.

    Attributes:
        is_fresh: Whether nothing was there.
        count: How many files have an answer or a problem there.
        failed: Those of them, as `shown`, for which a problem is the last that was said.

    Raises:
        OSError: The file cannot be read or cut.
        SettingsError: The file holds something else.
    """

    def __init__(self, file: Path | None, style: Style, labels: Sequence[str]) -> None:
        content = file.read_bytes() if file and file.is_file() else b""  # of a pipe or a terminal there is no earlier
        whole = _whole(content, style)
        try:
            entries = _entries(content[:whole].decode(), style, labels)
        except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            raise SettingsError(
                f"The answers cannot be kept: {file} holds something other than {style} answers of these labels."
            ) from error
        self._paths = set(entries)
        self.is_fresh = not whole
        self.count = len(entries)
        self.failed = {path for path, failed in entries.items() if failed}
        if file and whole < len(content):
            with file.open("r+b") as stream:
                stream.truncate(whole)

    def take(self, path: str) -> bool:
        """Tell whether a file needs no other answer; once, because a followed file may be written anew."""
        is_there = shown(path) in self._paths
        self._paths.discard(shown(path))
        return is_there


def _whole(content: bytes, style: Style) -> int:
    """Return where the last whole line ends; in CSV a name may have a line's end in it, between quotes."""
    if style == "json":
        return content.rfind(b"\n") + 1
    whole = at = quotes = 0
    for piece in content.splitlines(keepends=True):
        at += len(piece)
        quotes += piece.count(b'"')
        if piece.endswith(b"\n") and quotes % 2 == 0:
            whole = at
    return whole


def _entries(text: str, style: Style, labels: Sequence[str]) -> dict[str, bool]:
    """Return for each path whether a problem was its last answer; raises whatever a stranger's file leads to."""
    if style == "csv":
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if text and rows.fieldnames != _columns(labels):
            raise ValueError("There is no header, or one of other labels.")
        return {row["path"].removeprefix("'"): bool(row["problem"]) for row in rows}
    answers = [json.loads(entry) for entry in text.split("\n") if entry]  # not splitlines: U+2028 may be in a name
    if any(list(answer.get("probabilities", labels)) != list(labels) for answer in answers):
        raise ValueError("These are other labels.")
    return {answer["path"]: "problem" in answer for answer in answers}


def _harmless(name: str) -> str:
    """Keep a name from being a formula to a spreadsheet; one that begins with the sign of that gets another."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r", "'")) else name


def _columns(labels: Sequence[str]) -> list[str]:
    return ["path", "label", *labels, "width", "height", "format", "problem"]


def _csv(row: Sequence[object]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerow(row)  # both are put in quotes where a name has them
    return stream.getvalue().removesuffix("\r\n") + "\n"


def _one_line(path: str) -> str:
    """Keep a name from being more than a name to the terminal."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in shown(path))
