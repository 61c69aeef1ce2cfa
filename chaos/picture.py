"""The picture in a run's report: SVG on one time axis, drawn for a width in pixels.

From top to bottom: a lane for each replica, with its faults as bands and a heavy line while
it was the master; the gaps; confirmed sends per second; the slowest calls;
the time. The colours and fonts of its classes are in `report.CSS`.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chaos.run import Band, Run

CHAR_PIXELS = 7.2
"""What a character of a label needs, rather too much than too little."""
MARK_PIXELS_MIN = 2.0
"""So wide is whatever happened, however short it was."""
CALL_ROWS_MAX = 8

# Controls, lone surrogates, and what turns the direction of writing: none may stand in a page.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Markup(str):
    """HTML, as opposed to a text that is still to be escaped."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float) -> Markup:
    """An element. Children that are not `Markup` are escaped, as attributes are.

    `class_` becomes class, `text_anchor` text-anchor; numbers are rounded to a tenth.
    """
    words = [name]
    for key, value in attributes.items():
        text = value if isinstance(value, str) else f"{round(value, 1):g}"
        words.append(f'{key.rstrip("_").replace("_", "-")}="{_escaped(text)}"')
    opening = " ".join(words)
    if name == "meta":
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """One after another; what is not `Markup` is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else _escaped(part) for part in parts))


def _escaped(text: str) -> str:
    return html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text))


# ---------------------------------------------------------------------- words


class Kind(NamedTuple):
    """A kind of fault, for people."""

    family: str
    """Gives the colour: a key of `FAMILIES`."""
    label: str
    meaning: str


FAMILIES = {
    "ended": "killed or stopped",
    "frozen": "paused",
    "network": "network cut or slowed",
    "disk": "disk damaged or full",
    "other": "another fault",
}

KINDS = {
    "kill": Kind("ended", "killed", "Its process was ended at once; started again later"),
    "kill-two": Kind("ended", "killed", "Two replicas killed at the same time"),
    "kill-all": Kind("ended", "killed", "All replicas killed at the same time"),
    "hunt": Kind("ended", "master hunted", "The master killed, then each one that followed it"),
    "stop": Kind("ended", "stopped", "Asked to end in order; started again later"),
    "restart": Kind("ended", "restarted", "Asked to end in order, and started again at once"),
    "pause": Kind("frozen", "paused", "Frozen in the middle of whatever it did, then resumed"),
    "pause-two": Kind("frozen", "paused", "Two replicas frozen at the same time"),
    "disconnect": Kind("network", "cut off", "Taken off the network; it went on running"),
    "cut": Kind("network", "link cut", "Two replicas could not reach each other"),
    "one-way": Kind("network", "one way", "The second one did not hear the first any more"),
    "split": Kind("network", "split", "Replicas and clients parted into two halves"),
    "slow": Kind("network", "slowed", "Whatever it sent was late"),
    "damage": Kind("disk", "damaged", "Killed, and one bit of its journal flipped"),
    "truncate": Kind("disk", "cut short", "Killed, and half of its journal cut off"),
    "fill": Kind("disk", "disk full", "No room left for its journal"),
}

_ENDING = frozenset(("kill", "kill-two", "kill-all", "stop", "restart", "damage", "truncate"))
"""Who was the master is not any more: no view is resumed."""


def kind_of(name: str) -> Kind:
    """Words for a kind of fault, also for one that nobody has described."""
    return KINDS.get(name, Kind("other", name, ""))


def clock(seconds: float, decimals: int = 0) -> str:
    """Seconds since the beginning as min:s."""
    ticks = round(seconds * 10**decimals)
    minutes, rest = divmod(abs(ticks), 60 * 10**decimals)
    width = 3 + decimals if decimals else 2
    return f"{'-' if ticks < 0 else ''}{minutes}:{rest / 10**decimals:0{width}.{decimals}f}"


def length(seconds: float) -> str:
    """How long something took: in milliseconds, from ten seconds on in seconds."""
    return f"{seconds * 1000:,.0f} ms" if seconds < 9.9995 else f"{seconds:,.1f} s"


# ---------------------------------------------------------------------- geometry


@dataclass(frozen=True, slots=True)
class Scale:
    """Time to pixels, for the stretch of time that a picture shows."""

    width: int
    begin: float
    end: float

    @property
    def is_narrow(self) -> bool:
        """There is no room for names beside the rows: they stand above them."""
        return self.width < 600

    @property
    def left(self) -> float:
        """Where the time begins."""
        return 1.0 if self.is_narrow else 160.0

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.width - 2.0

    @property
    def heading(self) -> float:
        """How much each row leaves above it for its name."""
        return 19.0 if self.is_narrow else 0.0

    def x(self, seconds: float) -> float:
        """Where a time stands; what is outside stands at the edge."""
        share = (seconds - self.begin) / (self.end - self.begin)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def shows(self, begin: float, end: float) -> bool:
        """Whether any of it is to be seen."""
        return begin <= self.end and end >= self.begin

    def mark(self, begin: float, end: float) -> tuple[float, float]:
        """Left edge and width of something that lasted."""
        width = max(self.x(end) - self.x(begin), MARK_PIXELS_MIN)
        return min(self.x(begin), self.right - width), width

    def name(self, y: float, height: float, text: str, note: str = "") -> Markup:
        """The name of a row that begins at `y`, beside it or above it."""
        if self.is_narrow:
            whole = f"{text}, {note}" if note else text
            return tag("text", whole, class_="name", x=self.left, y=y - 6)
        middle = y + height / 2 + (-3 if note else 4)
        parts = [tag("text", text, class_="name", x=0.0, y=middle)]
        if note:
            parts.append(tag("text", note, class_="note", x=0.0, y=middle + 14))
        return join(parts)


def nice(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... that is not smaller."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def fits(text: str) -> float:
    """How many pixels a label needs."""
    return len(text) * CHAR_PIXELS


# ---------------------------------------------------------------------- the rows


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the picture, and where it ends."""

    drawn: Markup
    bottom: float


def picture(run: Run, width: int, begin: float, end: float, ident: str) -> Markup:
    """The stretch from `begin` to `end` as an SVG element.

    Args:
        width: pixels for which it is drawn; it may be shown in another size.
        ident: begins the ids in it; unlike that of any other picture in the page.
    """
    scale = Scale(width, begin, end)
    lanes = _lanes(run, scale, 4.0)
    gaps = _gaps(run, scale, lanes.bottom + 10)
    rates = _rates(run, scale, gaps.bottom + 10)
    calls = _calls(run, scale, rates.bottom + 12)
    bottom = calls.bottom + 6
    height = bottom + 40
    names = f"{ident}-title {ident}-desc"
    return tag(
        "svg",
        tag("title", f"From {clock(begin)} to {clock(end)} (min:s)", id=f"{ident}-title"),
        tag("desc", _description(run), id=f"{ident}-desc"),
        _axis(scale, bottom),
        _shadows(run, scale, rates.bottom),
        *(row.drawn for row in (lanes, gaps, rates, calls)),
        class_="picture",
        role="img",
        aria_labelledby=names,
        viewBox=f"0 0 {width} {height:g}",
        width=width,
        height=height,
    )


def _description(run: Run) -> str:
    longest = max((gap.end - gap.begin for gap in run.gaps), default=0.0)
    return (
        f"A lane for each of {run.replicas} replicas, with {len(run.faults)} faults as bands and "
        f"a heavy line for the master, of which there were {len(run.views)} in turn; "
        f"{len(run.gaps)} gaps in which nothing was confirmed, the longest of {length(longest)}; "
        "confirmed sends per second; the slowest calls. The tables below hold the figures."
    )


def _axis(scale: Scale, bottom: float) -> Markup:
    """Time along the bottom, and its lines through all rows."""
    span = scale.end - scale.begin
    most = (scale.right - scale.left) / 54
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((step for step in steps if span / step <= most), math.ceil(span / most))
    parts = []
    for number in range(math.ceil(scale.begin / step), math.floor(scale.end / step) + 1):
        x = scale.x(number * step)
        half = fits(clock(number * step)) / 2
        middle = min(max(x, half), scale.width - half)
        parts += [
            tag("line", class_="grid", x1=x, x2=x, y1=0.0, y2=bottom),
            tag("text", clock(number * step), class_="tick", x=middle, y=bottom + 16),
        ]
    words = "time since the run began, min:s"
    middle = (scale.left + scale.right) / 2
    return join([*parts, tag("text", words, class_="tick", x=middle, y=bottom + 33)])


def _shadows(run: Run, scale: Scale, bottom: float) -> Markup:
    """The gaps through all rows, so that the eye finds what made them."""
    parts = []
    for gap in run.gaps:
        if scale.shows(gap.begin, gap.end):
            x, width = scale.mark(gap.begin, gap.end)
            parts.append(tag("rect", class_="shadow", x=x, y=0.0, width=width, height=bottom))
    return join(parts)


def _lanes(run: Run, scale: Scale, top: float) -> Row:
    """One for each replica; before them one for faults that name none, if there are any."""
    height = 40.0
    lanes: list[int | None] = list(range(run.replicas))
    if any(not band.replicas for band in run.faults):
        lanes.insert(0, None)
    pitch = scale.heading + height + 8
    tops = {lane: top + scale.heading + pitch * place for place, lane in enumerate(lanes)}
    parts, names = [], []
    for lane, y in tops.items():
        bands = [
            band
            for band in run.faults
            if (lane in band.replicas if band.replicas else lane is None)
            and scale.shows(band.begin, band.end)
        ]
        names.append(
            scale.name(y, height, "whoever is master" if lane is None else f"replica {lane}")
        )
        parts += [
            tag(
                "rect",
                class_="lane",
                x=scale.left,
                y=y,
                width=scale.right - scale.left,
                height=height,
            ),
            _bands(bands, scale, y, height),
        ]
    axles = {lane: y + height * 0.72 for lane, y in tops.items() if lane is not None}
    parts.append(_masters(run, scale, axles))
    return Row(join([*parts, *names]), top + pitch * len(lanes) - 8)


def _bands(bands: Sequence[Band], scale: Scale, y: float, height: float) -> Markup:
    """The faults of one lane; a label where it fits before the next one."""
    parts, labels = [], []
    taken = 0.0
    lefts = [*(scale.mark(band.begin, band.end)[0] for band in bands[1:]), scale.right]
    for band, free_until in zip(bands, lefts, strict=False):
        kind = kind_of(band.kind)
        x, width = scale.mark(band.begin, band.end)
        lasted = f"{clock(band.begin, 1)} to {clock(band.end, 1)}"
        on = f", replica {' and '.join(map(str, band.replicas))}" if band.replicas else ""
        title = tag("title", f"{band.kind}{on}: {lasted}")
        shape = {"x": x, "y": y, "width": width}
        parts += [
            tag("rect", title, class_=f"band {kind.family}", **shape, height=height),
            tag("rect", class_=f"edge {kind.family}", **shape, height=3.0),
        ]
        need = x + 4 + fits(kind.label)
        if x >= taken and need <= free_until:
            labels.append(tag("text", kind.label, class_="label", x=x + 4, y=y + 17))
            taken = need
    return join([*parts, *labels])


def _masters(run: Run, scale: Scale, axles: dict[int, float]) -> Markup:
    """The heavy line in the lane of whoever was the master, thin from one to the next."""
    parts: list[Markup] = []
    ends = [*(reign.begin for reign in run.views[1:]), run.ends_at]
    for place, (reign, end) in enumerate(zip(run.views, ends, strict=False)):
        y = axles.get(reign.master)
        if y is None:
            continue
        before = axles.get(run.views[place - 1].master) if place else None
        x = scale.x(reign.begin)
        if before not in (None, y) and scale.shows(reign.begin, reign.begin):
            parts.append(tag("line", class_="handover", x1=x, x2=x, y1=before or y, y2=y))
        last = _reigned_until(run.faults, reign.master, reign.begin, max(end, reign.begin))
        if scale.shows(reign.begin, last):
            left, width = scale.mark(reign.begin, last)
            words = f"replica {reign.master} is the master of view {reign.view}"
            title = tag("title", f"{words}: {clock(reign.begin, 1)} to {clock(last, 1)}")
            shape = {"x": left, "y": y - 3.0, "width": width, "height": 6.0, "rx": 1.0}
            parts.append(tag("rect", title, class_="master", **shape))
    return join(parts)


def _reigned_until(faults: Iterable[Band], master: int, begin: float, end: float) -> float:
    """Until the next one came, or until its process was ended before that."""
    return min(
        (
            band.begin
            for band in faults
            if band.kind in _ENDING and master in band.replicas and begin < band.begin < end
        ),
        default=end,
    )


def _gaps(run: Run, scale: Scale, top: float) -> Row:
    """A bar for each, with its length as far as there is room: the longest ones first."""
    y = top + scale.heading
    shown = [gap for gap in run.gaps if scale.shows(gap.begin, gap.end)]
    parts = [scale.name(y, 24, "gaps", "nothing confirmed")]
    taken: list[tuple[float, float]] = []
    labels: list[Markup] = []
    for gap in sorted(shown, key=lambda gap: (gap.begin - gap.end, gap.begin)):
        text = length(gap.end - gap.begin)
        title = tag("title", f"{text}, {clock(gap.begin, 1)}: {gap.cause}")
        x, width = scale.mark(gap.begin, gap.end)
        class_ = "gap" if gap.is_failover else "gap other-gap"
        parts.append(tag("rect", title, class_=class_, x=x, y=y + 17, width=width, height=7.0))
        need = fits(text)
        left = min(max(x + width / 2 - need / 2, scale.left), scale.right - need)
        if all(left > other_end + 10 or left + need + 10 < other for other, other_end in taken):
            taken.append((left, left + need))
            middle = left + need / 2
            labels.append(tag("text", text, class_="length", x=middle, y=y + 12))
    if not shown:
        parts.append(tag("text", "none", class_="note", x=scale.left + 4, y=y + 14))
    return Row(join([*parts, *labels]), y + 24)


# ---------------------------------------------------------------------- sends and calls


def per_second(times: Sequence[float], begin: float, end: float, step: float) -> list[float]:
    """How many in each second, on the average of `step` seconds; the last stretch takes the rest.

    Args:
        times: seconds; those outside are left out.
    """
    count = max(1, round((end - begin) / step))
    sums = [0] * count
    for time in times:
        if begin <= time <= end:
            sums[min(int((time - begin) / step), count - 1)] += 1
    spans = [step] * (count - 1) + [end - begin - step * (count - 1)]
    return [total / span for total, span in zip(sums, spans, strict=True)]


def _rates(run: Run, scale: Scale, top: float) -> Row:
    """Confirmed sends as an area of steps, a second wide or as many as half a pixel holds."""
    height = 76.0
    y = top + scale.heading
    bottom = y + height
    seconds_per_pixel = (scale.end - scale.begin) / (scale.right - scale.left)
    step = max(1.0, nice(seconds_per_pixel / 2))
    rates = per_second(run.confirmed, scale.begin, scale.end, step)
    parts = [scale.name(y, height, "confirmed sends", "per second")]
    base = tag("line", class_="base", x1=scale.left, x2=scale.right, y1=bottom, y2=bottom)
    if max(rates) <= 0:
        words = tag("text", "none was confirmed", class_="note", x=scale.left + 4, y=bottom - 10)
        return Row(join([*parts, base, words]), bottom)
    most = nice(max(rates))
    points: list[str] = []
    level = bottom
    for place, rate in enumerate(rates):
        next_level = bottom - rate / most * height
        if abs(next_level - level) >= 0.05:
            points.append(f"H{scale.x(scale.begin + place * step):.1f}V{next_level:.1f}")
            level = next_level
    outline = f"M{scale.left:.1f} {bottom:.1f}{''.join(points)}H{scale.right:.1f}V{bottom:.1f}Z"
    for share in (1.0, 0.5):
        at = bottom - share * height
        where: dict[str, str | float] = {"x": scale.left + 4, "text_anchor": "start"}
        if not scale.is_narrow:
            where = {"x": scale.left - 6, "text_anchor": "end"}
        parts += [
            tag("line", class_="grid", x1=scale.left, x2=scale.right, y1=at, y2=at),
            tag("text", f"{most * share:,g}", class_="scale", **where, y=at + 8),
        ]
    return Row(join([tag("path", class_="rate", d=outline), base, *parts]), bottom)


def _calls(run: Run, scale: Scale, top: float) -> Row:
    """The slowest calls as bars, those at the same time below each other."""
    y = top + scale.heading
    rows: list[list[tuple[float, float]]] = []
    parts: list[Markup] = []
    for call in run.calls:
        if not scale.shows(call.begin, call.end):
            continue
        x, width = scale.mark(call.begin, call.end)
        row = _first_free(rows, x, x + width)
        if row < CALL_ROWS_MAX:
            took = length(call.end - call.begin)
            words = f"{call.kind} by {call.client}: {took}, {call.outcome}"
            title = tag("title", words)
            at = y + row * 7
            parts.append(tag("rect", title, class_="call", x=x, y=at, width=width, height=5.0))
    height = max(26.0, 7.0 * min(len(rows), CALL_ROWS_MAX))
    note = f"longest {length(run.calls[0].end - run.calls[0].begin)}" if run.calls else "none"
    return Row(join([scale.name(y, 26, "slowest calls", note), *parts]), y + height)


def _first_free(rows: list[list[tuple[float, float]]], begin: float, end: float) -> int:
    """The first row in which that stretch is free; it is taken then."""
    for number, row in enumerate(rows):
        if all(begin > other_end + 1 or end + 1 < other for other, other_end in row):
            row.append((begin, end))
            return number
    rows.append([(begin, end)])
    return len(rows) - 1
