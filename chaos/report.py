"""The report of a chaos run: one HTML file that needs nothing else, not even scripts."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from chaos.picture import FAMILIES, Kind, Markup, clock, kind_of, length, picture, tag
from chaos.run import COMPACTIONS, STATES, Gap, Run, Verdict

BANNER_LINES_MAX = 3
"""Of what was broken; all of it stands further down."""
ROWS_MAX = 16
"""Of a table, enough for every kind of fault; the rest can be opened."""
WIDTHS = {"wide": 1080, "middle": 720, "narrow": 350}
"""The widths for which the picture is drawn; the page shows the one that suits it."""
CLOSER_FROM_SECONDS = 180.0
CLOSER_PICTURES_MAX = 12
CLOSER_SECONDS = (60, 120, 300, 600, 1800, 3600)

LOSSES = "nothing lost, nothing doubled"
MEANINGS = {
    LOSSES: "Every message that was confirmed to its sender was there in the end, and once.",
    "linearizable": "All calls of all clients fit one order in time, as with a single server "
    "that never fails.",
    "all replicas in sync and alike": "After the last fault all replicas found together again "
    "and held the same.",
    "clients ended in order": "No client crashed, none waited for ever.",
    "no replica ended by itself": "No replica ended but when it was made to.",
}
"""Name of a verdict -> what was promised."""

COUNTS = {
    "faults": "faults",
    "masters": "masters, one after another",
    "calls": "calls of clients, of all kinds",
    "sends": "messages sent",
    "confirmed": "of these confirmed",
    "unknown": "calls whose effect the client was not told in time",
    "reads": "mailboxes read",
    "lost": "confirmed messages lost",
    "doubled": "messages doubled",
    COMPACTIONS: "journals compacted",
    STATES: "states sent whole to a replica, and installed",
}
MODES = {
    "availability": "the last replica standing goes on serving",
    "consistency": "a majority of the replicas is needed to go on",
}
ENDINGS = (
    (("ended", "disk"), "a process had ended"),
    (("frozen", "network"), "one had fallen silent"),
)
"""How a master is lost: families of faults, in words."""
NUMBERS = ("no", "one", "two", "three", "four", "five")

INTRODUCTION = (
    "Ringchat is a chat service that keeps every message on several replicas. One of them is the "
    "master; when it fails, the clients appoint the next."
)
BROKEN = " In this run replicas were broken on purpose while people went on chatting."
READING = (
    "Follow the heavy line, the master: where a fault, a coloured band, takes it away, it moves "
    "to another replica. The short bars below are the time until messages were confirmed again."
)
OF_GAPS = "Each change of the master, and whatever else stopped confirmations for half a second"

_LIGHT = (
    "--page:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d5dae0;--lane:#f1f3f6;"
    "--good:#0b5d33;--good-page:#e3f5ea;--bad:#a00f27;--bad-page:#ffe9e7;--none-page:#eef0f3;"
    "--ended:#d92d20;--frozen:#8a4fd0;--network:#1a73d1;--disk:#d07a00;--other:#7a828c;"
    "--rate:#12805c"
)
_DARK = (
    "--page:#14171b;--ink:#eceff3;--soft:#a3adb8;--rule:#343b44;--lane:#1e2329;"
    "--good:#7ddba3;--good-page:#12301f;--bad:#ffa59b;--bad-page:#451a1b;--none-page:#23282f;"
    "--ended:#ff5a4f;--frozen:#b58af5;--network:#58a6ff;--disk:#f0a132;--other:#929ba6;"
    "--rate:#3fbf8f"
)
CSS = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
*{{box-sizing:border-box}}
body{{margin:0 auto;max-width:1120px;padding:20px;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
h1{{font-size:1.6rem;line-height:1.3;margin:.2rem 0 .4rem;overflow-wrap:anywhere;text-wrap:balance}}
h2{{font-size:1.15rem;margin:2rem 0 .4rem}}
p{{margin:.4rem 0}} a{{color:inherit}}
.soft,caption,.legend{{color:var(--soft)}}
.banner{{margin-bottom:14px;padding:16px 20px;border-radius:10px;border-left:8px solid var(--soft);
background:var(--none-page)}}
.banner.good{{background:var(--good-page);border-color:var(--good)}}
.banner.bad{{background:var(--bad-page);border-color:var(--bad)}}
.good .state,.good h1{{color:var(--good)}} .bad .state,.bad h1{{color:var(--bad)}}
.state{{font-weight:600;margin:0}}
.detail{{white-space:pre-line;overflow-wrap:anywhere}}
.bad .sentence{{font-size:1.1rem}}
.promises{{display:flex;flex-wrap:wrap;gap:2px 22px;margin:.6rem 0 0;padding:0;list-style:none;
font-weight:600;font-size:.95rem}}
.verdicts{{list-style:none;margin:0;padding:0;display:grid;gap:6px 28px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}}
.verdicts li{{padding-left:1.8rem;position:relative}}
.sign{{position:absolute;left:0;font-weight:700;font-size:1.1rem}}
.kept .sign{{color:var(--good)}} .broken .sign,.broken strong{{color:var(--bad)}}
.verdicts .detail{{font-size:.9rem;color:var(--soft)}}
.legend{{display:flex;flex-wrap:wrap;gap:4px 18px;margin:.6rem 0;padding:0;list-style:none;
font-size:.9rem}}
.chip{{display:inline-block;width:22px;height:13px;margin-right:7px;vertical-align:-1px}}
.chip.family{{border-top:3px solid var(--c);
background:color-mix(in srgb,var(--c) 34%,var(--lane))}}
.chip.master,.chip.gap{{height:6px;vertical-align:3px;background:var(--ink)}}
.chip.gap{{width:9px;height:9px;vertical-align:1px}}
.chip.other-gap{{background:var(--soft);opacity:.55}}
.ended{{--c:var(--ended)}} .frozen{{--c:var(--frozen)}} .network{{--c:var(--network)}}
.disk{{--c:var(--disk)}} .other{{--c:var(--other)}}
.picture{{display:block;max-width:100%;height:auto;margin:6px auto;
font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
.picture text{{fill:var(--ink)}} .picture .name{{font-size:13px;font-weight:600}}
.picture .note,.picture .tick,.picture .scale{{fill:var(--soft)}}
.picture .name,.picture .scale,.picture .length{{paint-order:stroke;stroke:var(--page);
stroke-width:3px;stroke-linejoin:round}}
.picture .tick,.picture .length{{text-anchor:middle}} .picture .length{{font-weight:600}}
.lane{{fill:var(--lane)}} .grid{{stroke:var(--rule);stroke-width:1}}
.base{{stroke:var(--soft);stroke-width:1}}
.band{{fill:var(--c);fill-opacity:.34}} .edge{{fill:var(--c)}}
.master,.gap{{fill:var(--ink)}} .gap.other-gap{{fill:var(--soft);fill-opacity:.55}}
.handover{{stroke:var(--ink);stroke-width:1}}
.shadow{{fill:var(--ink);fill-opacity:.09}} .call{{fill:var(--soft)}}
.rate{{fill:var(--rate);fill-opacity:.4;stroke:var(--rate);stroke-width:1}}
.middle,.narrow{{display:none}}
@media (max-width:900px){{.wide{{display:none}}.middle{{display:block}}}}
@media (max-width:580px){{body{{padding:14px 16px}}h1{{font-size:1.3rem}}
.middle{{display:none}}.narrow{{display:block}}.narrow .picture{{width:100%}}}}
.scroll{{overflow-x:auto}} .scroll .picture{{max-width:none}}
.tables{{display:grid;gap:0 36px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));align-items:start}}
.tables section{{min-width:0}}
table{{border-collapse:collapse;width:100%;font-size:.9rem}}
caption{{text-align:left;padding-bottom:4px}}
th,td{{text-align:left;vertical-align:top;padding:4px 10px 4px 0;
border-bottom:1px solid var(--rule)}}
th{{font-weight:600}} .figure{{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}}
td{{overflow-wrap:break-word}}
summary{{cursor:pointer;padding:6px 0}} code{{overflow-wrap:anywhere}}
footer{{margin-top:2.5rem;border-top:1px solid var(--rule);padding-top:.6rem}}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is fetched from anywhere."""


def render(run: Run) -> str:
    """The report as an HTML file, to be written as UTF-8; of the same run always the same."""
    introduction = INTRODUCTION + (BROKEN if run.faults else "")
    page = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("title", f"Ringchat, chaos run {run.seed}: {_state(run)}"),
            tag("style", Markup(CSS)),
        ),
        tag(
            "body",
            tag("main", _banner(run), tag("p", introduction), _time(run), _verdicts(run)),
            _tables(run),
            _footer(run),
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


# ---------------------------------------------------------------------- in words


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _duration(seconds: float) -> str:
    """In seconds below two minutes, else in minutes."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 2:
        return _plural(round(seconds), "second")
    return " ".join([_plural(minutes, "minute"), *([_plural(rest, "second")] if rest else [])])


def _failed(run: Run) -> list[Verdict]:
    return [verdict for verdict in run.verdicts if not verdict.passed]


def _state(run: Run) -> str:
    """How it ended, in a line."""
    if failed := _failed(run):
        return "Broken: " + "; ".join(verdict.name for verdict in failed)
    if not run.verdicts:
        return "Nothing was judged"
    count = len(run.verdicts)
    return f"All {_number(count)} promises were kept" if count > 1 else "The promise was kept"


def _sentence(run: Run) -> str:
    """What was done, and what came of it."""
    faults, confirmed = len(run.faults), run.counts.get("confirmed", len(run.confirmed))
    done = f"{_plural(faults, 'fault')} hit" if faults else "no fault hit"
    sends = (
        "1 message was confirmed" if confirmed == 1 else f"{confirmed:,} messages were confirmed"
    )
    # Where nobody could look, a count of 0 says nothing.
    is_judged = run.passed or any(verdict.name == LOSSES for verdict in run.verdicts)
    losses = [f"{run.counts[name]:,} {name}" for name in ("lost", "doubled") if name in run.counts]
    if not is_judged:
        losses = ["whether any was lost or doubled is not known"]
    replicas = f"{_number(run.replicas)} {'replica' if run.replicas == 1 else 'replicas'}"
    begin = f"In {_duration(run.ends_at)} {done} the {replicas} of a chat service; "
    return begin + ", ".join([sends, *losses])


def _waits(run: Run) -> str:
    """What the failovers cost, and what else made people wait."""
    failovers = [gap for gap in run.gaps if gap.is_failover]
    words = "No failover interrupted the confirmations."
    if len(failovers) == 1:
        words = f"One failover: messages were confirmed again after {_took(failovers[0])}."
    elif failovers:
        worst = max(failovers, key=_span)
        words = (
            f"{len(failovers):,} failovers: messages were confirmed again after "
            f"{_as_a_rule(failovers)}; {_took(worst)} at worst{_why(worst)}."
        )
    longest = max(run.gaps, key=_span, default=None)
    if longest is not None and not longest.is_failover:
        words += f" The longest gap of all took {_took(longest)}{_why(longest)}."
    return words


def _as_a_rule(failovers: Sequence[Gap]) -> str:
    """The medians: a process that ends is noticed at once, silence only when it has lasted."""
    said = []
    for families, what in ENDINGS:
        spans = [_span(gap) for gap in failovers if _kind(gap).family in families]
        if spans:
            said.append(f"{_span_words(statistics.median(spans))} where {what}")
    if not said:
        said = [_span_words(statistics.median(map(_span, failovers)))]
    return f"{' and '.join(said)} ({'medians' if len(said) > 1 else 'the median'})"


def _kind(gap: Gap) -> Kind:
    return kind_of(gap.cause.partition(" ")[0])


def _span(gap: Gap) -> float:
    return gap.end - gap.begin


def _took(gap: Gap) -> str:
    return _span_words(_span(gap))


def _span_words(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _why(gap: Gap) -> str:
    """What happened then, if anybody has described it."""
    meaning = _kind(gap).meaning
    return f" ({meaning[:1].lower()}{meaning[1:]})" if meaning else ""


# ---------------------------------------------------------------------- the top


def _banner(run: Run) -> Markup:
    """Green or red, and the first thing one sees."""
    sentence = f"{_sentence(run)}."
    notes = [tag("p", _waits(run)), *(tag("p", f"{_capital(line)}.") for line in run.untried)]
    names = [
        tag("li", f"{'✓' if verdict.passed else '✗'} {verdict.name}") for verdict in run.verdicts
    ]
    promises = [tag("ul", *names, class_="promises")] if len(names) > 1 else []
    if failed := _failed(run):
        details = [
            tag(
                "p",
                f"{verdict.name}: " if len(failed) > 1 else "",
                _first_lines(verdict),
                class_="detail",
            )
            for verdict in failed
        ]
        heading = tag("h1", "✗ ", _state(run))
        below = [tag("p", sentence, class_="sentence"), *notes, *promises]
        return tag("header", heading, *details, *below, class_="banner bad")
    sign = "✓ " if run.verdicts else ""
    state = tag("p", sign, _state(run), class_="state")
    class_ = "banner good" if run.verdicts else "banner"
    return tag("header", state, tag("h1", sentence), *notes, *promises, class_=class_)


def _first_lines(verdict: Verdict) -> str:
    lines = verdict.detail.splitlines()
    more = len(lines) - BANNER_LINES_MAX
    return "\n".join(
        [*lines[:BANNER_LINES_MAX], *([f"and {more} more, below"] if more > 0 else [])]
    )


def _is_all_said(verdict: Verdict) -> bool:
    """What was broken, and how, stands in the banner already."""
    return not verdict.passed and len(verdict.detail.splitlines()) <= BANNER_LINES_MAX


def _verdicts(run: Run) -> Markup:
    """What was promised, broken promises first."""
    items = []
    for verdict in sorted(run.verdicts, key=lambda verdict: verdict.passed):
        sign, word = ("✓", "kept") if verdict.passed else ("✗", "broken")
        parts = [
            tag("span", sign, class_="sign", role="img", aria_label=word),
            tag("strong", f"{_capital(verdict.name)}. "),
            f"{MEANINGS.get(verdict.name, '')} ",
            tag("span", "" if _is_all_said(verdict) else verdict.detail, class_="detail"),
        ]
        items.append(tag("li", *parts, class_=word))
    content = tag("ul", *items, class_="verdicts") if items else tag("p", "Nothing was judged.")
    return tag("section", tag("h2", "What was promised"), content)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _time(run: Run) -> Markup:
    """The picture, and closer ones of a long run."""
    end = max(run.ends_at, 1.0)
    pictures = [
        tag("div", picture(run, width, 0.0, end, name), class_=name)
        for name, width in WIDTHS.items()
    ]
    return tag(
        "section",
        tag("h2", "What happened"),
        tag("p", READING),
        _legend(run),
        *pictures,
        *_closer(run),
    )


def _legend(run: Run) -> Markup:
    present = {kind_of(band.kind).family for band in run.faults}
    chips = [("chip master", "the master"), ("chip gap", "failover gap: nothing is confirmed")]
    if not all(gap.is_failover for gap in run.gaps):
        chips.append(("chip gap other-gap", "gap under the same master"))
    chips[1:1] = [(f"chip family {key}", FAMILIES[key]) for key in FAMILIES if key in present]
    items = [tag("li", tag("span", class_=classes), words) for classes, words in chips]
    return tag("ul", *items, class_="legend")


def _closer(run: Run) -> list[Markup]:
    """Stretches of a run that is too long for one picture to show everything."""
    if run.ends_at <= CLOSER_FROM_SECONDS:
        return []
    fitting = (step for step in CLOSER_SECONDS if run.ends_at / step <= CLOSER_PICTURES_MAX)
    step = next(fitting, CLOSER_SECONDS[-1])
    parts = []
    begin = 0
    while begin < run.ends_at:
        drawn = picture(run, WIDTHS["wide"], begin, begin + step, f"from-{begin}")
        name = f"{clock(begin)} to {clock(begin + step)}"
        parts.append(_scrolling(tag("h3", name), drawn, label=name))
        begin += step
    summary = tag("summary", f"Closer: {_duration(step)} at a time")
    return [tag("details", summary, *parts)]


# ---------------------------------------------------------------------- the tables


def _scrolling(*content: Markup, label: str) -> Markup:
    """What may be wider than the page; with a name and a focus for those without a mouse."""
    return tag("div", *content, class_="scroll", role="region", aria_label=label, tabindex="0")


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table; a head that begins with # is that of a column of figures."""
    classes = ["figure" if head.startswith("#") else "text" for head in heads]
    head = [
        tag("th", text.removeprefix("#"), class_=class_, scope="col")
        for text, class_ in zip(heads, classes, strict=True)
    ]
    body = [
        tag("tr", *(tag("td", cell, class_=c) for cell, c in zip(row, classes, strict=True)))
        for row in rows
    ]
    parts = [tag("caption", caption), tag("thead", tag("tr", *head)), tag("tbody", *body)]
    return _scrolling(tag("table", *parts), label=caption)


def _section(
    title: str, caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> Markup:
    """A table under its title; a long one can be opened."""
    parts = [tag("h2", title)]
    if not rows:
        parts.append(tag("p", "None.", class_="soft"))
    else:
        parts.append(_table(caption, heads, rows[:ROWS_MAX]))
    if len(rows) > ROWS_MAX:
        rest = _table(f"{title}, continued", heads, rows[ROWS_MAX:])
        summary = tag("summary", f"{len(rows) - ROWS_MAX:,} more")
        parts.append(tag("details", summary, rest))
    return tag("section", *parts)


def _tables(run: Run) -> Markup:
    gaps = sorted(run.gaps, key=lambda gap: (gap.begin - gap.end, gap.begin))
    kinds = sorted(Counter(band.kind for band in run.faults).items(), key=lambda at: (-at[1], at))
    sections = [
        _section(
            "Gaps",
            OF_GAPS,
            ("#At (min:s)", "#Length", "Master", "Cause: the newest fault, and where"),
            [
                (
                    clock(gap.begin, 1),
                    length(gap.end - gap.begin),
                    "new" if gap.is_failover else "stayed",
                    gap.cause,
                )
                for gap in gaps
            ],
        ),
        _section(
            "Slowest calls",
            "What clients waited for longest, retries included",
            ("#At (min:s)", "#Took", "Call", "Client", "Outcome"),
            [
                (
                    clock(call.begin, 1),
                    length(call.end - call.begin),
                    call.kind,
                    call.client,
                    call.outcome,
                )
                for call in run.calls
            ],
        ),
        _section(
            "Faults",
            "How often each kind came",
            ("Kind", "#Times", "What was done"),
            [(kind, f"{count:,}", kind_of(kind).meaning) for kind, count in kinds],
        ),
        _section(
            "Counts",
            "Of the whole run",
            ("What", "#How many"),
            [(COUNTS.get(name, name), f"{count:,}") for name, count in run.counts.items()],
        ),
        _section("Environment", "Where and how it ran", ("What", "Is"), _environment(run)),
    ]
    return tag("div", *sections, class_="tables")


def _environment(run: Run) -> list[tuple[str, str]]:
    mode = MODES.get(run.prefer)
    return [
        ("seed", str(run.seed)),
        ("prefer", f"{run.prefer}: {mode}" if mode else run.prefer),
        ("replicas", str(run.replicas)),
        ("seconds", f"{run.seconds:,.0f}"),
        *((name, value or "none") for name, value in run.environment.items()),
    ]


def _footer(run: Run) -> Markup:
    minutes = f"{run.seconds / 60:.6g}"
    command = f"make chaos MINUTES={minutes} SEED={run.seed} PREFER={run.prefer}"
    words = "The same faults in the same order: "
    return tag("footer", tag("p", words, tag("code", command), class_="soft"))
