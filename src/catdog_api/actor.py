"""One process of a Ray cluster, which reads, decodes and predicts: an actor of Ray Data's. It knows nothing of Ray."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
from pyarrow import fs

from catdog_api.artifact import Manifest
from catdog_api.errand import start
from catdog_api.offline import AHEAD, UNREADABLE, Answer, answer_all
from catdog_api.parquet import Stored, answers_schema
from catdog_api.settings import Settings

CORES = 1  # of one process: a network calls for no more, and so every core of every machine is used


class Photographs:
    """One process with a model. Lives as long as Ray lets it; Ray calls it with one table after the other.

    Args:
        settings: Of the model and of the decoding.
        places: File systems that the tables' column `place` counts.
    """

    def __init__(self, settings: Settings, places: Sequence[fs.FileSystem]) -> None:
        self._pipeline = start(settings.model_copy(update={"core_limit": CORES}))
        self._places = places
        self._runner = asyncio.Runner()  # one event loop for its life, because the pipeline belongs to one
        self._runner.get_loop().set_default_executor(ThreadPoolExecutor(AHEAD))  # of which a bucket takes many

    def __call__(self, table: pa.Table) -> pa.Table:
        """Answer photographs.

        Args:
            table: With what `Stored` has, its file system's number as `place`, and its own as `number`.

        Returns:
            A row for each, of the answers' columns, `number` and `unread`, which says why it could not be read; with
            none of label, error and `unread` where it was found and is no image.
        """
        sources = [
            Stored(row["path"], row["named"], self._places[row["place"]], row["size"]) for row in table.to_pylist()
        ]
        answers = self._runner.run(self._answer(sources))
        return _table(self._pipeline.manifest, answers).append_column("number", table["number"])

    async def _answer(self, sources: Sequence[Stored]) -> list[Answer]:
        return [answer async for answer in answer_all(self._pipeline, sources)]


def _table(manifest: Manifest, answers: Sequence[Answer]) -> pa.Table:
    schema = answers_schema(manifest).append(pa.field("unread", pa.string()))
    return pa.Table.from_pylist([_row(answer) for answer in answers], schema)


def _row(answer: Answer) -> dict[str, Any]:
    content = answer.content or {}
    row = {"path": answer.source.path, "label": content.get("label"), "probabilities": content.get("probabilities")}
    if problem := content.get("problem"):
        said = "unread" if problem["title"] == UNREADABLE else "error"
        row[said] = f"{problem['title']}: {problem['detail']}"
    return row
