"""Results as tables: for the terminal, and for the README between two marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.figures import OURS, Measure, Results, Samples, Spread, measures, spread, times_better

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"
NOTHING = "–"
LINE_CHARS = 100


def number(value: float) -> str:
    """With three digits, or all those before the point."""
    size = abs(value)
    return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"


def shown(found: Spread) -> str:
    """Median, least and most; the median alone if there was one sample."""
    text = number(found.median)
    if found.least == found.most:
        return text
    return f"{text} ({number(found.least)}..{number(found.most)})"


def columns(results: Results) -> list[str]:
    """The engines of all workloads, ours first."""
    names = dict.fromkeys(name for engines in results.values() for name in engines)
    return sorted(names, key=lambda name: name != OURS)


def row(measure: Measure, engines: Mapping[str, Samples], names: Iterable[str]) -> list[str]:
    """One measure: its name, each engine's figures, and how we compare."""
    cells = [f"{measure.title}, {measure.unit}"]
    for name in names:
        found = engines.get(name, {}).get(measure)
        cells.append(shown(spread(found)) if found else NOTHING)
    times = times_better(measure, engines)
    return [*cells, NOTHING if times is None else number(times)]


def head(names: Iterable[str]) -> list[str]:
    """Of the columns that `row` fills."""
    return ["", *names, "times better than the best peer"]


def plain(engines: Mapping[str, Samples]) -> str:
    """One workload, for the terminal."""
    names = columns({"": dict(engines)})
    rows = [head(names), *(row(measure, engines, names) for measure in measures(engines))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in rows
    )


def markdown(
    results: Results, titles: Mapping[str, str], notes: Sequence[str], picture: str
) -> str:
    """All workloads, with who and what was measured.

    Args:
        titles: of the workloads, by name.
        notes: lines about the machine and the engines.
        picture: its path.
    """
    names = columns(results)
    rows = [head(names), ["---"] * (len(names) + 2)]
    for workload, engines in results.items():
        rows.append([f"**{titles[workload]}**"] + [""] * (len(names) + 1))
        rows += [row(measure, engines, names) for measure in measures(engines)]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([f"![The same as a picture]({picture})", "", *lines, "", *_listed(notes)])


def _listed(notes: Iterable[str]) -> list[str]:
    """As a list, folded: each note may be longer than a line of the README."""
    found: list[str] = []
    for note in notes:
        line = "-"
        for word in note.split():
            if len(line) + len(word) >= LINE_CHARS:
                found.append(line)
                line = " "
            line += f" {word}"
        found.append(line)
    return found


def put_between_marks(text: str, new: str) -> str:
    """The text with what stands between the two marks replaced.

    Raises:
        ValueError: the marks are not there, once each and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before + after:
        raise ValueError(f"no {BEGIN} and {END}, once each and in this order")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"
