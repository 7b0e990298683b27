"""The report of a run: a table of contenders and one of ratios, in Markdown; and where the time goes, as a PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.figures import RATIOS, Round, cpu_ms, figure, met, rate, ratio
from benchmarks.registry import CONTENDERS, Contender
from catdog_api.metrics import STAGES

MEGABYTE = 1e6


def markdown(results: Mapping[str, Any]) -> str:
    """Write the report of a run's results."""
    rounds = results["rounds"]
    parts = [
        f"# {len(rounds)} rounds, {results['scale']['seconds']:g} s a window\n",
        f"{results['machine']}. Medians over the rounds, in brackets their least and most.\n",
        _contender_table(rounds),
        _limit_line(rounds),
        _ratio_table(rounds),
        _tuning_table(results["tuning"]),
    ]
    return "\n".join(part for part in parts if part)


def _contender_table(rounds: Sequence[Round]) -> str:
    head = (
        "| contender | CPU ms an image | images/s, both cores | images/s, one core each | p99 ms "
        "| one client, median ms | peak MB | cold start s | failed |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    measured = [contender for contender in CONTENDERS if any(contender.name in done for done in rounds)]
    return head + "".join(_row(contender, [done[contender.name] for done in rounds]) for contender in measured)


def _row(contender: Contender, found: Sequence[Mapping[str, Any]]) -> str:
    if errors := [done["error"] for done in found if "error" in done]:
        return f"| {contender.title} | {errors[0].splitlines()[0]} | | | | | | | |\n"
    windows = ("full", "alone", "apart", "apart_alone", "apart_large")
    cells = (
        figure([cpu_ms(done["full"]) for done in found]),
        figure([rate(done["full"]) for done in found]),
        figure([rate(done["apart"]) for done in found]),
        figure([done["apart"]["p99_ms"] for done in found]),
        figure([done["apart_alone"]["p50_ms"] for done in found]),
        figure([done["peak_bytes"] / MEGABYTE for done in found]),
        figure([done["cold_start_seconds"][0] for done in found]),  # the second is on one core
        sum(done[window]["failed"] for done in found for window in windows),
    )
    return f"| {contender.title} | {' | '.join(map(str, cells))} |\n"


def _limit_line(rounds: Sequence[Round]) -> str:
    found = [done["limit"] for done in rounds if "limit" in done]
    if not found:
        return ""
    each, speed = figure([cpu_ms(done) for done in found]), figure([rate(done) for done in found])
    setting = ", ".join(f"{name} {value}" for name, value in found[0]["setting"].items())
    return f"The limit, decode and predict in one process ({setting}): {each} CPU ms an image, {speed} images/s.\n"


def _ratio_table(rounds: Sequence[Round]) -> str:
    lines = ["| figure | holds | aim | measured | |", "|---|--:|--:|--:|---|"]
    for asked in RATIOS:
        found = ratio(asked, rounds)
        verdict = "" if found is None else "holds" if met(asked, found) else "**missed**"
        lines.append(f"| {asked.title} | {asked.holds} | {asked.aim} | {found or 'not measured'} | {verdict} |")
    return "\n".join(lines) + "\n"


def _tuning_table(tuning: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Write the sweeps: what was tried, and what it gave."""
    lines = ["| sweep | setting | images/s | CPU ms an image |", "|---|---|--:|--:|"]
    for name, tried in tuning.items():
        lines += [
            f"| {name} | {_setting(window['setting'])} | {rate(window):.4g} | {cpu_ms(window):.3g} |"
            for window in sorted((window for window in tried if "error" not in window), key=rate, reverse=True)
        ]
        lines += [
            f"| {name} | {_setting(window['setting'])} | did not start | |" for window in tried if "error" in window
        ]
    return "\n".join(lines) + "\n"


def _setting(setting: Mapping[str, Any]) -> str:
    shortened = {name.removeprefix("BENCHMARK_").lower(): value for name, value in setting.items()}
    return ", ".join(f"{name} {value}" for name, value in shortened.items()) or "as it comes"


def plot_stages(rounds: Sequence[Round], path: Path) -> None:
    """Draw a stacked bar of the stages that `Server-Timing` names, for each contender and load that has them.

    Args:
        rounds: At least one.
        path: Where the PNG goes; nothing is written if no contender says where its time goes.

    Raises:
        OSError: The file cannot be written.
    """
    bars = {
        f"{contender.name}, {label}": stages
        for contender in CONTENDERS
        for window, label in (("apart_alone", "one client"), ("full", "full load"))
        if (stages := _median_stages(rounds, contender.name, window))
    }
    if not bars:
        return
    canvas = Canvas(figsize=(8, 1 + 0.6 * len(bars)), layout="constrained")
    axes = canvas.subplots()
    names = sorted({name for stages in bars.values() for name in stages}, key=_order)
    left = [0.0] * len(bars)
    for name in names:
        widths = [stages.get(name, 0.0) for stages in bars.values()]
        axes.barh(list(bars), widths, left=left, label=name)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds, mean of a request, median of the rounds")
    axes.legend(ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, 1.25), frameon=False)
    canvas.savefig(path, dpi=120)


def plot_nodes(results: Mapping[str, Any], path: Path) -> None:
    """Draw the throughput of Ray nodes, relative to that of one.

    Args:
        results: As `benchmarks.nodes` writes them.
        path: Where the PNG goes.

    Raises:
        OSError: The file cannot be written.
    """
    canvas = Canvas(figsize=(7.2, 5.6), layout="constrained")
    axes = canvas.subplots()
    most = max(results["nodes"])
    axes.plot([1, most], [1, most], color="tab:gray", linestyle="--", linewidth=1, label="in proportion to the nodes")
    _plot_windows(
        axes,
        results["windows"]["slower"],
        f"not the model but a stand-in, which waits {results['stand_ins']['slower']} x as long as the model computes",
        {"color": "tab:blue", "marker": "s", "markersize": 9, "markerfacecolor": "none"},
        {"xytext": (-8, 6), "ha": "right"},
    )
    _plot_windows(
        axes,
        results["windows"]["waiting"],
        "a stand-in that waits as long as the model computes; all else has the same two cores",
        {"color": "tab:green", "marker": "^"},
        {"xytext": (8, -6), "ha": "left", "va": "top"},
    )
    _plot_windows(
        axes,
        results["windows"]["true"],
        "the true model, measured; proxy and callers have the same two cores",
        {"color": "tab:orange", "marker": "o"},
        {"xytext": (0, -27), "ha": "center", "va": "top"},
    )
    axes.set_title("A try: these are no measurements" if results["is_quick"] else "Ray nodes of one core on two cores")
    axes.set(xlabel="nodes, each with one core and one replica", ylabel="images a second, as a multiple of one node's")
    axes.set(xlim=(0, most + 1.1), ylim=(0, most + 0.8), xticks=range(1, most + 1))
    canvas.legend(loc="outside lower center", fontsize=8, frameon=False)
    canvas.savefig(path, dpi=120)


def _plot_windows(
    axes: Axes, windows: Sequence[Mapping[str, Any]], label: str, look: Mapping[str, Any], place: Mapping[str, Any]
) -> None:
    rates = [window["images_per_second"] for window in windows]
    axes.plot([window["nodes"] for window in windows], [found / rates[0] for found in rates], label=label, **look)
    for window in windows:
        at = (window["nodes"], window["images_per_second"] / rates[0])
        text = f"{window['images_per_second']:.3g} images/s\ncores {window['busy']:.0%} busy"
        axes.annotate(text, at, textcoords="offset points", fontsize=7, color=look["color"], **place)


def _median_stages(rounds: Sequence[Round], name: str, window: str) -> dict[str, float]:
    found = [done[name][window]["stages_ms"] for done in rounds if window in done.get(name, {})]
    return {stage: median(stages[stage] for stages in found) for stage in (found[0] if found else {})}


def _order(stage: str) -> tuple[int, str]:
    """Sort the service's stages as a request comes by them, and others after them."""
    return STAGES.index(stage) if stage in STAGES else len(STAGES), stage
