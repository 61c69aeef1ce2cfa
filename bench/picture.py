"""Results as one picture. matplotlib is only needed here, and need not be installed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.figures import Measure, Results, Samples, measures, spread
from bench.table import columns, number

DRAWN = ("pipelined", "many", "single", "failover", "growth", "delivery")
"""Those that have something to compare, or a curve."""
COLOURS = ("#2a6f97", "#e07a3f", "#7a9e4b", "#a4508b", "#8d8d8d")
"""Of the engines, in the order of the table."""
ACROSS = 2
BAR = 0.8
TITLE_CHARS = 34
INCHES_ACROSS = 7.0
INCHES_PER_BAR = 0.17


def drawn_measures(engines: Mapping[str, Samples]) -> list[Measure]:
    """What a panel can show on one axis: everything in the unit that stands first."""
    found = measures(engines)
    return [measure for measure in found if measure.unit == found[0].unit]


def _panel(axes: Any, title: str, engines: Mapping[str, Samples], names: list[str]) -> None:
    """Bars of one workload, a group for each measure; thin lines from least to most."""
    found = drawn_measures(engines)
    here = [name for name in names if name in engines]
    height = BAR / len(here)
    for place, name in enumerate(here):
        for group, measure in enumerate(found):
            samples = engines.get(name, {}).get(measure)
            if not samples:
                continue
            median, least, most = spread(samples)
            at = group + (place - (len(here) - 1) / 2) * height
            axes.barh(
                at,
                median,
                height,
                color=COLOURS[names.index(name) % len(COLOURS)],
                xerr=[[median - least], [most - median]],
                error_kw={"elinewidth": 0.7, "ecolor": "#333333"},
            )
            axes.annotate(
                number(median),
                (most, at),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=6,
            )
    better = "more is better" if found[0].more_is_better else "less is better"
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlabel(f"{found[0].unit}, {better}", fontsize=7)
    if found[0].unit == "ms":
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    labels = [textwrap.fill(measure.title, TITLE_CHARS) for measure in found]
    axes.set_yticks(range(len(found)), labels, fontsize=6)
    axes.tick_params(axis="x", labelsize=7)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)


def draw(results: Results, titles: Mapping[str, str], note: str, file: Path) -> None:
    """Writes the picture, a PNG.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot: Any = import_module("matplotlib.pyplot")
    names = columns(results)
    shown = [name for name in DRAWN if name in results] or list(results)
    down = -(-len(shown) // ACROSS)
    bars = max(len(drawn_measures(results[name])) for name in shown) * len(names)
    inches_down = 1.2 + down * max(2.0, bars * INCHES_PER_BAR)
    figure, grid = pyplot.subplots(
        down, ACROSS, figsize=(ACROSS * INCHES_ACROSS, inches_down), squeeze=False
    )
    panels = list(grid.flat)
    for axes, name in zip(panels, shown, strict=False):
        _panel(axes, titles[name], results[name], names)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    handles = [
        pyplot.Rectangle((0, 0), 1, 1, color=COLOURS[place % len(COLOURS)])
        for place in range(len(names))
    ]
    figure.legend(handles, names, ncols=len(names), fontsize=8, frameon=False, loc="upper center")
    figure.text(0.01, 0.005, note, fontsize=6, color="#555555")
    figure.tight_layout(rect=(0, 0.02, 1, 0.97))
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=130)
    pyplot.close(figure)
