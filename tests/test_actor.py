"""What one process of a Ray cluster does, without Ray: it has the model once, whatever it is given."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import fs

from catdog_api.actor import Photographs
from catdog_api.settings import Settings
from tests.fakes import ColourClassifier


def table(folder: Path, *names: str) -> pa.Table:
    rows = [
        {
            "path": str(folder / name),
            "named": str(folder / name),
            "place": 0,
            "size": (folder / name).stat().st_size,
            "number": number,
        }
        for number, name in enumerate(names)
    ]
    return pa.Table.from_pylist(rows)


def test_the_model_is_loaded_once_for_one_table_after_the_other(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Settings] = []

    def load_model(settings: Settings) -> ColourClassifier:
        loaded.append(settings)
        return ColourClassifier()

    monkeypatch.setattr("catdog_api.errand.load_model", load_model)
    photographs = Photographs(Settings(), [fs.LocalFileSystem()])
    labels = [photographs(table(shelf, *names))["label"].to_pylist() for names in (["a.jpg", "deep/b.jpg"], ["a.jpg"])]
    assert labels == [["cat", "neither"], ["cat"]]
    photographs._pipeline.close()  # noqa: SLF001  # which Ray leaves to the end of the process
    photographs._runner.close()  # noqa: SLF001  # likewise
    assert [settings.cores for settings in loaded] == [1]
