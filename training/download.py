"""The command that turns the public originals into the folders that training reads."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx
from tqdm import tqdm

from training.archives import members
from training.dataset import SPLITS
from training.fetch import DownloadError, RemoteFile, fetch
from training.layout import Layout
from training.sources import SOURCES, Source, read_species

DESCRIPTION = """\
Download public photographs of cats, dogs and other things, and lay them out for training:

  DEST/{train,val,test}/{cat,dog,neither}/SOURCE-NAME.webp    160 x 160 pixels
  DEST/originals/                                             the archives as published

A download that broke off goes on where it stopped, and every archive is checked against its recorded SHA-256.
Damaged photographs and copies are dropped. The split follows from each file's content, so it is the same everywhere.
Run the command again after an interruption, or with further sources: what is there is kept.

It takes 1.9 GB for the archives, which may be deleted afterwards, and about 0.3 GB for the photographs. They are for
research: their authors hold the rights in them.
"""

EPILOG = """\
examples:
  python -m training.download --dest photos
  python -m training.download --dest photos --sources kaggle,oxford
"""


def download(dest: Path, sources: Sequence[Source]) -> Layout:
    """Fetch every archive first, then lay out what is in them.

    Args:
        dest: Holds the archives, in `originals`, and the folders.
        sources: In the order in which the first of several copies is chosen.

    Returns:
        The filled folders, with the counts of what is there and of what was dropped.

    Raises:
        DownloadError: An archive cannot be had or is not the recorded one.
    """
    originals = dest / "originals"
    # Redirects: data.caltech.edu hands out addresses of a store. The timeout is for connecting and between two pieces.
    with httpx.Client(follow_redirects=True, timeout=30) as client:
        for source in sources:
            for remote in _files(source):
                fetch(remote, originals, client)
    layout = Layout(dest)
    for source in sources:
        _lay_out(source, originals, layout)
    return layout


def table(layout: Layout) -> str:
    """Write down the counts: photographs by label, source and split, then what was dropped and why."""
    lines = [_row("label", "source", SPLITS)]
    lines += [
        _row(label, source, [layout.kept[label, source, split] for split in SPLITS])
        for label, source in sorted({(label, source) for label, source, _ in layout.kept})
    ]
    lines.append(_row("all", "", [sum(n for (*_, s), n in layout.kept.items() if s == split) for split in SPLITS]))
    lines += ["", _row("dropped", "source", ["files"])]
    lines += [_row(reason, source, [count]) for (source, reason), count in sorted(layout.dropped.items())]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None, sources: Sequence[Source] = SOURCES) -> int:
    """Run the command.

    Args:
        argv: The arguments, without the program's name; the process's own when None.
        sources: What there is to choose from.

    Returns:
        The exit status: 0, 1 when an archive could not be had, or 130 when it was interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m training.download",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [source.name for source in sources]
    parser.add_argument("--dest", type=Path, required=True, metavar="DIR", help="the folder to fill")
    parser.add_argument("--sources", default=",".join(names), help="comma-separated, of: %(default)s (default: all)")
    arguments = parser.parse_args(argv)
    wanted = arguments.sources.split(",")
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"--sources: there is no {', '.join(map(repr, unknown))}; choose from {', '.join(names)}")
    try:
        layout = download(arguments.dest, [source for source in sources if source.name in wanted])
    except (DownloadError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Run the same command again to go on from here.\n")
        return 130
    sys.stdout.write(table(layout))
    return 0


def _files(source: Source) -> Iterable[RemoteFile]:
    return (source.archive, source.annotations) if source.annotations else (source.archive,)


def _lay_out(source: Source, originals: Path, layout: Layout) -> None:
    species: dict[str, str] = {}
    if source.annotations:
        for name, data in members(originals / source.annotations.name):
            if name.endswith("/list.txt"):
                species = read_species(data.decode())
    for path, data in tqdm(members(originals / source.archive.name), source.name, unit=" files", disable=None):
        match = source.pattern.fullmatch(path)
        if match is None:
            layout.drop(source.name, "not a photograph of the dataset")
            continue
        name = "-".join(match.groups())
        label = source.label(match)
        if label is None:
            layout.drop(source.name, "left out")
        elif species.get(name, label) != label:
            layout.drop(source.name, "label disputed by the annotations")
        else:
            layout.add(source.name, name, label, data)


def _row(first: str, second: str, cells: Iterable[object]) -> str:
    return f"{first:<34}{second:<12}" + "".join(f"{cell:>8}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
