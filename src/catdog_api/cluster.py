"""`catdog-api predict --engine ray`: Ray Data around the same decoder and model; the only importer of Ray.

The process that was started lists the photographs, and holds some 500 bytes for each (5 GB for ten million), and writes
the answers. The others read, decode and predict.
"""

import logging
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it tells nobody, unless it was asked to

import numpy as np
import pyarrow as pa
import ray
import ray.data
import ray.exceptions
from pyarrow import compute
from ray.util.annotations import RayDeprecationWarning
from tqdm import tqdm

from catdog_api.actor import CORES, Photographs
from catdog_api.artifact import read_manifest, verify
from catdog_api.errors import SettingsError
from catdog_api.parquet import Answers, Stored, find_stored
from catdog_api.reporting import summary
from catdog_api.settings import Settings

MAX_IN_TASK = 512  # photographs: five seconds on a core, and 20,000 tasks for ten million
LEAST_IN_TASK = 16
RETRIES = 5  # of photographs whose process has died, as processes do; without end, if it is they that kill it
KEPT_ROWS = 10_000  # answers in one file of the output, or as many as there are after
KEPT_SECONDS = 30  # what a run that is killed has to do again
TAKEN_SECONDS = 5  # for which no core is free before that is said: Ray hears of one that is given back a little later


def run(settings: Settings, paths: Sequence[str], out: str) -> int:
    """Answer photographs on all machines of a Ray cluster: that of RAY_ADDRESS, or one of this machine alone.

    Args:
        settings: Of the model and of the decoding; the model lies under the same path on every machine.
        paths: As `find_stored` takes them.
        out: The folder of the answers, as `Answers` takes it; what is in there already is passed over.

    Returns:
        How many photographs had no answer, those of an earlier run that this one goes on with included. One that could
        not be read is not written down, and the next run takes it up again.

    Raises:
        ArtifactError: The model cannot be served.
        SettingsError: An address cannot be read, the output cannot be kept, or Ray gave up; a later run goes on.
    """
    started = time.monotonic()
    manifest = read_manifest(settings.model)
    verify(settings.model, manifest)
    answers = Answers(out, manifest)
    with tqdm(find_stored(paths), "list", unit="file", leave=False, disable=None) as listed:
        found = [stored for stored in listed if stored.path not in answers.earlier]
    counts: Counter[str | None] = Counter()
    with _in_one_line(), tqdm(total=len(found), unit="file", leave=False, disable=None) as progress:
        for pieces in _kept_together(_seen(_answered(settings, found), progress)):
            table = pa.concat_tables(pieces)
            said = table.filter(compute.or_(table["label"].is_valid(), table["error"].is_valid()))
            if len(said):
                answers.write(said.select(answers.schema.names).cast(answers.schema))
            _say_if_unread(table)
            counts.update(map(_outcome, table.to_pylist()))
    sys.stderr.write(
        summary(
            {label: counts[label] for label in manifest.labels},
            failed=counts[None],
            passed_over=counts[""],
            earlier=len(answers.earlier),
            seconds=time.monotonic() - started,
        )
    )
    return counts[None] + answers.failed


def _answered(settings: Settings, found: Sequence[Stored]) -> Iterator[pa.Table]:
    """Have photographs answered; tables come as they are done, in no order.

    Ray gives up where a machine is lost on which one process works and another is just being started, however well the
    others are: it is given what is left then, as long as that brings something.
    """
    if not found:
        return
    # Unasked, Ray would try for minutes to join the last cluster of this machine, even one that was killed.
    address = None if "RAY_ADDRESS" in os.environ else "local"
    ray.init(address, include_dashboard=False, log_to_driver=False, logging_level="error", ignore_reinit_error=True)
    _say_if_all_cores_are_taken()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False  # there is one that counts photographs
    left = found
    while True:
        is_answered = np.zeros(len(left), bool)
        try:
            for table in _given(settings, left):
                is_answered[table["number"].to_numpy()] = True
                yield table
        except ray.exceptions.RayActorError:
            if not is_answered.any():
                raise
        else:
            return
        left = [left[number] for number in np.flatnonzero(~is_answered).tolist()]
        tqdm.write(f"A process of the Ray cluster died; going on with {len(left):,} photographs ...", file=sys.stderr)


def _given(settings: Settings, left: Sequence[Stored]) -> Iterator[pa.Table]:
    """Give photographs to Ray Data; tables come as they are done, with what `Photographs` says of each."""
    places = list({id(stored.filesystem): stored.filesystem for stored in left}.values())
    numbers = {id(place): number for number, place in enumerate(places)}
    share = len(left) // (4 * max(1, int(ray.cluster_resources().get("CPU", 0))))
    length = max(LEAST_IN_TASK, min(MAX_IN_TASK, share))
    tables = [
        pa.table(
            {
                "number": range(at, at + len(part)),
                "path": [stored.path for stored in part],
                "named": [stored.named for stored in part],
                "size": [stored.size for stored in part],
                "place": [numbers[id(stored.filesystem)] for stored in part],
            }
        )
        for at in range(0, len(left), length)
        for part in [left[at : at + length]]
    ]
    with warnings.catch_warnings():
        # Ray 2.64 will not take retries here any more; until then there is no other place to bound them.
        warnings.simplefilter("ignore", RayDeprecationWarning)
        answered = ray.data.from_arrow(tables).map_batches(
            Photographs,
            fn_constructor_args=(settings, places),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=CORES,
            max_task_retries=RETRIES,
            compute=ray.data.ActorPoolStrategy(min_size=1),
        )
    yield from answered.iter_batches(batch_size=None, batch_format="pyarrow")


def _seen(tables: Iterator[pa.Table], progress: "tqdm[Any]") -> Iterator[pa.Table]:
    """Show how far it is as soon as it is that far: a file of answers may take half a minute to fill."""
    for table in tables:
        progress.update(len(table))
        yield table


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Make one sentence of what Ray raises, where it would be pages of other processes' tracebacks."""
    try:
        yield
    except (ray.exceptions.RayError, ConnectionError) as error:
        last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise SettingsError(f"The Ray cluster gave up: {last[0].strip()}") from error


def _outcome(row: dict[str, Any]) -> str | None:
    """Return the label of a photograph, None where it has no answer, or nothing where it was passed over."""
    label: str | None = row["label"]
    return label or (None if row["error"] or row["unread"] else "")


def _say_if_unread(table: pa.Table) -> None:
    """Say how many photographs of a table could not be read, and why the first could not."""
    unread = table.filter(table["unread"].is_valid())
    if len(unread):
        first = f"{unread['path'][0]}: {unread['unread'][0]}"
        tqdm.write(f"{len(unread):,} could not be read, and the next run tries them again; {first}", file=sys.stderr)


def _say_if_all_cores_are_taken() -> None:
    """Say so where Ray would wait without a word and without end: Serve's replicas keep their cores."""
    deadline = time.monotonic() + TAKEN_SECONDS
    while ray.available_resources().get("CPU", 0) < CORES:
        if time.monotonic() > deadline:
            tqdm.write("All cores of the Ray cluster are taken; waiting for one ...", file=sys.stderr)
            return
        time.sleep(0.5)


def _kept_together(tables: Iterator[pa.Table]) -> Iterator[list[pa.Table]]:
    """Gather tables until they are worth a file, or until too much would be lost; at the end, however it comes, all."""
    held: list[pa.Table] = []
    since = time.monotonic()
    ended: BaseException | None = None
    try:
        for table in tables:
            held.append(table)
            if sum(map(len, held)) >= KEPT_ROWS or time.monotonic() - since >= KEPT_SECONDS:
                yield held
                held, since = [], time.monotonic()
    except (ray.exceptions.RayError, ConnectionError, KeyboardInterrupt, SystemExit) as error:
        ended = error  # Ray makes SystemExit of SIGTERM
    if held:
        yield held
    if ended:
        raise ended
