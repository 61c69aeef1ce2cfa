from __future__ import annotations

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos import picture, report
from chaos.plan import KINDS
from chaos.report import MEANINGS, WIDTHS, render
from chaos.run import Band, Gap, Reign, Run, Slow, Verdict, from_json

ROOT = Path(__file__).resolve().parents[3]
EVIL = """<script>alert("1")</script> & 'more' ]]>"""
LOST = Verdict("nothing lost, nothing doubled", False, "message 17 is lost\nmessage 18 is lost")
KEPT = Verdict("nothing lost, nothing doubled", True, "300 confirmed sends")
ALIKE = Verdict("all replicas in sync and alike", True, "same view")

RUN = Run(
    seed=7,
    prefer="availability",
    replicas=3,
    seconds=100.0,
    faults=[
        Band("kill", (0,), 20.0, 45.0),
        Band("cut", (1, 2), 50.0, 60.0),
        Band("restart", (2,), 99.99, 99.99),
    ],
    views=[Reign(0.0, 3, 0), Reign(22.0, 4, 1), Reign(70.0, 6, 0)],
    confirmed=[at / 10 for at in range(1000) if not 200 <= at < 220],
    calls=[Slow(20.0, 23.5, "send", "ann", "done"), Slow(20.5, 22.5, "read", "bob", "unknown")],
    gaps=[Gap(20.0, 22.0, "kill 0"), Gap(50.0, 50.25, "cut 1, 2")],
    verdicts=[ALIKE, KEPT],
    counts={"faults": 3, "confirmed": 980, "lost": 0, "doubled": 0},
    environment={"kernel": "6.8", "slow network": ""},
)
EMPTY = Run(1, "consistency", 3, 0.0, [], [], [], [], [], [], {}, {})


def but(**changes: Any) -> Run:
    return dataclasses.replace(RUN, **changes)


def long_run(seconds: float) -> Run:
    """A fault, a new master and a gap every five seconds."""
    times = [float(at) for at in range(1, int(seconds) - 5, 5)]
    kinds = itertools.cycle(KINDS)
    return but(
        seconds=seconds,
        faults=[Band(next(kinds), (at % 3,), t, t + 2) for at, t in enumerate(times)],
        views=[Reign(t + 1, at, at % 3) for at, t in enumerate(times)],
        gaps=[Gap(t, t + 1 + at % 7 / 10, "a fault") for at, t in enumerate(times)],
        confirmed=[at / 2 for at in range(int(seconds) * 2)],
        calls=[Slow(t, t + 3, "send", "ann", "done") for t in times[:50]],
    )


def page(run: Run) -> ET.Element:
    """The page, which is well-formed XML as well."""
    text = render(run)
    assert text.startswith("<!DOCTYPE html>\n")
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def words(element: ET.Element) -> str:
    return "".join(element.itertext())


def classed(element: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in element.iter() if name in one.get("class", "").split()]


def drawn(run: Run, size: str = "wide") -> ET.Element:
    """The picture of the whole run that is drawn for a size."""
    (box,) = classed(page(run), size)
    (svg,) = box
    assert svg.tag == "svg"
    return svg


def box(element: ET.Element) -> tuple[float, float, float, float]:
    """x, y, width, height."""
    x, y, width, height = (float(element.get(key, "")) for key in ("x", "y", "width", "height"))
    return x, y, width, height


def spans(elements: list[ET.Element], svg: ET.Element) -> list[float]:
    """Begin and end of each, one after another, as shares of the time shown."""
    left, _, width, _ = box(classed(svg, "lane")[0])
    edges = ((x, x + wide) for x, _, wide, _ in map(box, elements))
    return [(edge - left) / width for pair in edges for edge in pair]


def near(*shares: float) -> object:
    """Equal to these up to the tenth of a pixel that is written."""
    return pytest.approx(list(shares), abs=1e-3)


# ---------------------------------------------------------------------- the whole page


def test_everything_has_its_section() -> None:
    titles = [words(one) for one in page(RUN).iter("h2")]
    assert titles == [
        "What happened",
        "What was promised",
        "Gaps",
        "Slowest calls",
        "Faults",
        "Counts",
        "Environment",
    ]


@pytest.mark.parametrize("run", [RUN, EMPTY, long_run(600)], ids=["usual", "empty", "long"])
def test_the_page_needs_nothing_from_elsewhere(run: Run) -> None:
    text = render(run)
    assert not re.search(r"https?:|//\w|\bsrc=|\bhref=|url\(|@import|<script|<link|\bon\w+=", text)
    assert "default-src 'none'" in " ".join(one.get("content", "") for one in page(run).iter())


def test_a_text_is_never_markup() -> None:
    run = but(
        prefer=EVIL,
        faults=[Band(EVIL, (1,), 10.0, 90.0)],
        calls=[Slow(1.0, 2.0, EVIL, EVIL, EVIL)],
        gaps=[Gap(1.0, 2.0, EVIL)],
        verdicts=[Verdict(EVIL, False, EVIL), Verdict(EVIL, True, EVIL)],
        counts={EVIL: 1},
        environment={EVIL: EVIL},
    )
    usual = {one.tag for one in page(RUN).iter()} | {"details", "summary"}
    assert {one.tag for one in page(run).iter()} <= usual
    assert words(page(run)).count(EVIL) >= 12
    assert "<script" not in render(run)


def test_what_no_page_may_hold_is_replaced() -> None:
    run = but(environment={"a\x00b": "c\ud800d\u202ee"})
    text = render(run)
    assert "a\ufffdb" in text
    assert "c\ufffdd\ufffde" in text
    assert text.encode("utf-8")


def test_a_line_feed_in_a_detail_survives() -> None:
    (banner,) = classed(page(but(verdicts=[LOST])), "banner")
    assert "message 17 is lost\nmessage 18 is lost" in words(banner)


def test_the_same_run_makes_the_same_page() -> None:
    assert render(RUN) == render(from_json(RUN.to_json()))


@pytest.mark.parametrize("replicas", range(1, 6))
def test_any_number_of_replicas_has_as_many_lanes(replicas: int) -> None:
    names = [words(one) for one in classed(drawn(but(replicas=replicas)), "name")]
    assert [name for name in names if name.startswith("replica")] == [
        f"replica {number}" for number in range(replicas)
    ]


def test_a_run_in_which_nothing_happened_says_so() -> None:
    root = page(EMPTY)
    (banner,) = classed(root, "banner")
    assert banner.get("class") == "banner"
    assert "Nothing was judged" in words(banner)
    said = (
        "In 0 seconds no fault hit the three replicas of a chat service; 0 messages were confirmed."
    )
    assert said in words(banner)
    assert "none was confirmed" in words(drawn(EMPTY))
    assert report.BROKEN not in words(root)
    assert report.BROKEN in words(page(RUN))
    assert [words(one) for one in classed(root, "soft")].count("None.") == 4


# ---------------------------------------------------------------------- the verdicts


def test_the_headline_says_what_was_done_and_what_came_of_it() -> None:
    run = but(
        seconds=600.0,
        counts={"confirmed": 120_345, "lost": 0, "doubled": 0},
        faults=[Band("kill", (0,), at, at + 1.0) for at in range(43)],
    )
    assert words(next(page(run).iter("h1"))) == (
        "In 10 minutes 43 faults hit the three replicas of a chat service; "
        "120,345 messages were confirmed, 0 lost, 0 doubled."
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1.0, "1 second"),
        (60.0, "60 seconds"),
        (119.6, "2 minutes"),
        (150.0, "2 minutes 30 seconds"),
        (3600.0, "60 minutes"),
    ],
)
def test_how_long_it_took_is_said_in_words(seconds: float, said: str) -> None:
    root = page(but(seconds=seconds, faults=[], gaps=[]))
    assert words(next(root.iter("h1"))).startswith(f"In {said} ")


def test_a_gap_that_no_failover_made_is_told_of_as_well() -> None:
    gap = Gap(70.0, 73.0, "pause 2", is_failover=False)
    root = page(but(gaps=[*RUN.gaps, gap]))
    said = words(*classed(root, "banner"))
    assert "2 failovers" in said
    assert "The longest gap of all took 3.0 s (frozen in the middle" in said
    assert rows(root, "Gaps")[0] == ["1:10.0", "3,000 ms", "stayed", "pause 2"]
    svg = drawn(but(gaps=[*RUN.gaps, gap]))
    (drawn_apart,) = classed(svg, "other-gap")
    assert words(drawn_apart) == "3,000 ms, 1:10.0: pause 2"
    assert "gap under the same master" in words(root)
    assert "gap under the same master" not in words(page(RUN))


def test_a_long_complaint_does_not_push_everything_else_off_the_page() -> None:
    lines = [f"lost: message {number}" for number in range(20)]
    root = page(but(verdicts=[ALIKE, Verdict("nothing lost", False, "\n".join(lines))]))
    (banner,) = classed(root, "banner")
    assert words(banner).count("lost: message") == report.BANNER_LINES_MAX
    assert f"and {20 - report.BANNER_LINES_MAX} more, below" in words(banner)
    assert words(*classed(root, "verdicts")).count("lost: message") == 20


def test_the_longest_gap_is_told_of_once() -> None:
    gap = Gap(70.0, 71.0, "pause 2", is_failover=False)
    assert "of all" not in words(*classed(page(but(gaps=[*RUN.gaps, gap])), "banner"))


def test_a_run_without_a_broken_promise_is_green() -> None:
    (banner,) = classed(page(RUN), "banner")
    assert banner.get("class") == "banner good"
    assert "All two promises were kept" in words(banner)
    assert "2 failovers" in words(banner)
    assert "2.0 s where a process had ended and 250 ms where one had fallen silent" in words(banner)
    assert "2.0 s at worst (its process was ended at once; started again later)." in words(banner)
    assert classed(page(RUN), "broken") == []


def test_a_broken_promise_is_the_first_that_one_sees() -> None:
    root = page(but(verdicts=[ALIKE, LOST], counts={"confirmed": 9, "lost": 2, "doubled": 0}))
    body = root.find("body")
    assert body is not None
    said = words(body)
    assert said.startswith("✗ Broken: nothing lost, nothing doubledmessage 17 is lost")
    assert said.index("message 18 is lost") < said.index("9 messages were confirmed, 2 lost")
    (banner,) = classed(root, "banner")
    assert banner.get("class") == "banner bad"
    (verdicts,) = classed(root, "verdicts")
    assert [item.get("class") for item in verdicts] == ["broken", "kept"]
    assert [one.get("aria-label") for one in classed(verdicts, "sign")] == ["broken", "kept"]
    assert "Broken" in words(next(root.iter("title")))


@pytest.mark.parametrize("verdicts", [[ALIKE, KEPT], [ALIKE, LOST]], ids=["good", "bad"])
def test_what_a_long_run_did_not_come_to_stands_in_the_banner(verdicts: list[Verdict]) -> None:
    counts = {"confirmed": 9, "lost": 0, "doubled": 0, "compactions": 3, "states": 0}
    root = page(but(seconds=600.0, verdicts=verdicts, counts=counts))
    said = words(classed(root, "banner")[0])
    assert "No replica was sent a state in this run: of that it proves nothing." in said
    assert "No journal" not in said
    assert ["journals compacted", "3"] in rows(root, "Counts")
    assert ["states sent whole to a replica, and installed", "0"] in rows(root, "Counts")


def test_each_of_several_broken_promises_is_named() -> None:
    order = Verdict("linearizable", False, "bob read the future")
    (banner,) = classed(page(but(verdicts=[LOST, ALIKE, order])), "banner")
    assert "Broken: nothing lost, nothing doubled; linearizable" in words(banner)
    assert "linearizable: bob read the future" in words(banner)


def test_nothing_is_said_to_be_lost_or_not_where_nobody_could_look() -> None:
    apart = Verdict("all replicas in sync and alike", False, "TimeoutError: they do not settle")
    said = words(classed(page(but(verdicts=[apart])), "banner")[0])
    assert "whether any was lost or doubled is not known" in said
    assert "0 lost" not in said


def test_every_verdict_says_what_was_promised() -> None:
    verdicts = [Verdict(name, True, "fine") for name in MEANINGS]
    said = words(classed(page(but(verdicts=verdicts)), "verdicts")[0])
    assert all(meaning in said for meaning in MEANINGS.values())
    assert said.count("fine") == len(MEANINGS)


def test_the_promises_explained_are_those_that_are_judged() -> None:
    sources = "".join((ROOT / "chaos" / name).read_text() for name in ("runner.py", "__main__.py"))
    assert [name for name in MEANINGS if f'"{name}"' not in sources] == []


# ---------------------------------------------------------------------- the picture


@pytest.mark.parametrize("size", WIDTHS)
def test_a_fault_is_a_band_in_the_lane_of_its_replica(size: str) -> None:
    svg = drawn(RUN, size)
    lanes = classed(svg, "lane")
    bands = classed(svg, "band")
    assert [one.get("class") for one in bands] == [
        "band ended",
        "band network",
        "band network",
        "band ended",
    ]
    assert spans(bands[:3], svg) == near(0.2, 0.45, 0.5, 0.6, 0.5, 0.6)
    assert [box(one)[1] for one in bands] == [box(lanes[at])[1] for at in (0, 1, 2, 2)]
    assert words(bands[0]) == "kill, replica 0: 0:20.0 to 0:45.0"


@pytest.mark.parametrize("size", WIDTHS)
def test_a_fault_of_no_length_at_the_very_end_can_be_seen(size: str) -> None:
    svg = drawn(RUN, size)
    left, _, width, _ = box(classed(svg, "lane")[0])
    x, _, wide, _ = box(classed(svg, "band")[-1])
    assert wide == picture.MARK_PIXELS_MIN
    assert x + wide <= left + width + 0.1


def test_a_fault_that_outlasts_the_plan_is_shown_to_its_end() -> None:
    svg = drawn(but(faults=[Band("pause", (1,), 90.0, 120.0)]))
    assert spans(classed(svg, "band"), svg) == near(0.75, 1.0)


def test_a_time_before_the_beginning_has_a_sign() -> None:
    said = [picture.clock(-2.147, 1), picture.clock(-60.0), picture.clock(0.0)]
    assert said == ["-0:02.1", "-1:00", "0:00"]


def test_a_band_bears_the_word_for_its_kind() -> None:
    labels = [words(one) for one in classed(drawn(RUN), "label")]
    assert labels == ["killed", "link cut", "link cut"]


def test_a_fault_that_names_no_replica_has_a_lane_of_its_own() -> None:
    svg = drawn(but(faults=[*RUN.faults, Band("hunt", (), 60.0, 70.0)]))
    assert len(classed(svg, "lane")) == RUN.replicas + 1
    (hunt,) = [one for one in classed(svg, "band") if words(one).startswith("hunt")]
    assert box(hunt)[1] == box(classed(svg, "lane")[0])[1]


def test_a_kind_that_nobody_has_described_bears_its_name() -> None:
    svg = drawn(but(faults=[Band("meteor", (1,), 10.0, 90.0)]))
    assert [words(one) for one in classed(svg, "label")] == ["meteor"]
    assert len(classed(svg, "other")) == 2


def test_every_kind_of_a_plan_is_described() -> None:
    assert set(picture.KINDS) == set(KINDS)
    assert {kind.family for kind in picture.KINDS.values()} | {"other"} == set(picture.FAMILIES)


def test_the_master_is_a_line_until_the_next_one_or_its_end() -> None:
    svg = drawn(RUN)
    masters = classed(svg, "master")
    # Killed at 20, the next one came at 22. To be cut off, as later, does not end a master.
    assert spans(masters, svg) == near(0.0, 0.2, 0.22, 0.7, 0.7, 1.0)
    tops = [box(lane)[1] for lane in classed(svg, "lane")]
    heights = [box(one)[1] for one in masters]
    assert all(tops[at] < y < tops[at] + 40 for at, y in zip((0, 1, 0), heights, strict=True))
    assert [round(float(one.get("x1", "")), 1) for one in classed(svg, "handover")] == [
        box(one)[0] for one in masters[1:]
    ]


def test_a_gap_is_a_bar_with_its_length() -> None:
    svg = drawn(RUN)
    gaps = classed(svg, "gap")
    assert spans(gaps, svg) == near(0.2, 0.22, 0.5, 0.5025)
    assert [words(one) for one in classed(svg, "length")] == ["2,000 ms", "250 ms"]
    assert words(gaps[0]) == "2,000 ms, 0:20.0: kill 0"
    assert len(classed(svg, "shadow")) == 2


@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("seconds", [60.0, 600.0, 3600.0])
def test_labels_thin_out_before_they_touch(seconds: float, size: str) -> None:
    svg = drawn(long_run(seconds), size)
    per_line: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for one in svg.iter("text"):
        kind = one.get("class", "")
        if kind in ("label", "length", "tick") and not words(one).startswith("time since"):
            x, wide = float(one.get("x", "")), picture.fits(words(one))
            begin = x if kind == "label" else x - wide / 2
            per_line.setdefault((kind, one.get("y", "")), []).append((begin, begin + wide))
    assert {kind for kind, _ in per_line} >= {"length", "tick"}
    for kind in ("length", "tick"):
        assert sum(len(line) for (of, _), line in per_line.items() if of == kind) >= 3
    for line in per_line.values():
        for (_, end), (begin, _) in itertools.pairwise(sorted(line)):
            assert end <= begin
        assert min(line)[0] >= 0
        assert max(end for _, end in line) <= WIDTHS[size] + 0.1


def test_where_lengths_have_no_room_the_longest_gap_has_one() -> None:
    short = [Gap(50 + at / 10, 50.01 + at / 10, "a fault") for at in range(20)]
    run = but(gaps=[*short[:9], Gap(50.9, 51.9, "a fault"), *short[9:]])
    (longest,) = classed(drawn(run), "length")
    assert words(longest) == "1,000 ms"


def test_times_are_rounded_before_they_are_split_into_minutes() -> None:
    assert [picture.clock(at) for at in (0.0, 59.4, 59.6, 3600.0)] == [
        "0:00",
        "0:59",
        "1:00",
        "60:00",
    ]
    assert [picture.clock(at, 1) for at in (9.96, 59.96, 61.25)] == [
        "0:10.0",
        "1:00.0",
        "1:01.2",
    ]
    lengths = [picture.length(seconds) for seconds in (0.0004, 9.9994, 9.9996, 1234.0)]
    assert lengths == ["0 ms", "9,999 ms", "10.0 s", "1,234.0 s"]


def test_sends_are_counted_in_the_second_in_which_they_were_confirmed() -> None:
    times = [-1.0, 0.0, 0.5, 1.0, 2.9, 3.0, 9.0]
    assert picture.per_second(times, 0.0, 3.0, 1.0) == [2, 1, 2]
    assert picture.per_second(times, 0.0, 4.0, 2.0) == [1.5, 1]
    # What is left over belongs to the last stretch, and is not counted as a whole one.
    assert picture.per_second([2.1, 2.2, 3.3], 0.0, 3.4, 1.0) == pytest.approx([0, 0, 3 / 1.4])


def test_confirmed_sends_are_an_area_that_is_empty_in_a_gap() -> None:
    svg = drawn(RUN)
    (area,) = classed(svg, "rate")
    (base,) = classed(svg, "base")
    bottom = float(base.get("y1", ""))
    lane_left, _, lane_width, _ = box(classed(svg, "lane")[0])
    steps = [
        (float(x), float(y))
        for x, y in re.findall(r"H([\d.]+)V([\d.]+)(?=[HZ])", area.get("d", ""))
    ]
    top = bottom - 76  # ten in each second, and ten is the most
    assert [y for _, y in steps] == [top, bottom, top, bottom]
    shares = [(x - lane_left) / lane_width for x, _ in steps]
    assert shares == near(0.0, 0.2, 0.22, 1.0)
    assert [words(one) for one in classed(svg, "scale")] == ["10", "5"]


def test_slow_calls_at_the_same_time_stand_below_each_other() -> None:
    svg = drawn(RUN)
    calls = classed(svg, "call")
    assert spans(calls, svg) == near(0.2, 0.235, 0.205, 0.225)
    assert box(calls[0])[1] < box(calls[1])[1]
    many = but(calls=[Slow(1.0, 2.0, "send", "ann", "done")] * 50)
    assert len(classed(drawn(many), "call")) == picture.CALL_ROWS_MAX


def test_a_long_run_has_closer_pictures_of_all_of_it() -> None:
    assert list(page(long_run(60)).iter("h3")) == []
    titles = [words(one) for one in page(long_run(3600)).iter("h3")]
    assert len(titles) == 12
    assert (titles[0], titles[-1]) == ("0:00 to 5:00", "55:00 to 60:00")
    assert [words(one) for one in page(long_run(610)).iter("h3")][-1] == "10:00 to 11:00"
    assert [words(one) for one in page(long_run(1500)).iter("h3")][-1] == "20:00 to 25:00"


def test_a_closer_picture_shows_its_stretch_and_nothing_else() -> None:
    run = but(seconds=240.0, faults=[Band("kill", (0,), 75.0, 90.0)], views=[Reign(0.0, 0, 1)])
    details = next(page(run).iter("details"))
    first, second, *_ = details.iter("svg")
    assert classed(first, "band") == []
    assert spans(classed(second, "band"), second) == near(0.25, 0.5)
    assert all(spans(classed(svg, "master"), svg) == near(0, 1) for svg in (first, second))
    assert words(classed(second, "tick")[0]) == "1:00"


# ---------------------------------------------------------------------- tables and access


def rows(root: ET.Element, title: str) -> list[list[str]]:
    """The cells of all tables under a title."""
    for section in root.iter("section"):
        if words(next(section.iter("h2"))) == title:
            lines = [line for body in section.iter("tbody") for line in body]
            return [[words(cell) for cell in line] for line in lines]
    raise AssertionError(title)


def test_the_tables_hold_the_figures() -> None:
    root = page(RUN)
    assert rows(root, "Gaps") == [
        ["0:20.0", "2,000 ms", "new", "kill 0"],
        ["0:50.0", "250 ms", "new", "cut 1, 2"],
    ]
    assert rows(root, "Slowest calls")[1] == ["0:20.5", "2,000 ms", "read", "bob", "unknown"]
    assert [line[:2] for line in rows(root, "Faults")] == [
        ["cut", "1"],
        ["kill", "1"],
        ["restart", "1"],
    ]
    assert ["of these confirmed", "980"] in rows(root, "Counts")
    assert ["slow network", "none"] in rows(root, "Environment")
    assert "make chaos MINUTES=1.66667 SEED=7 PREFER=availability" in words(root)


def test_a_long_table_can_be_opened_and_holds_the_longest_first() -> None:
    run = long_run(600)
    lengths = [line[1] for line in rows(page(run), "Gaps")]
    figures = [int(text.removesuffix(" ms").replace(",", "")) for text in lengths]
    assert len(figures) == len(run.gaps) > report.ROWS_MAX
    assert figures == sorted(figures, reverse=True)
    assert f"{len(run.gaps) - report.ROWS_MAX} more" in words(page(run))


def test_pictures_and_tables_can_be_read_aloud() -> None:
    root = page(long_run(600))
    ids = [one.get("id", "") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for svg in root.iter("svg"):
        assert svg.get("role") == "img"
        assert [one.get("id") for one in svg[:2]] == svg.get("aria-labelledby", "").split()
        assert [one.tag for one in svg[:2]] == ["title", "desc"]
        assert "3 replicas" in words(svg[1])
    for table in root.iter("table"):
        assert next(table.iter("caption")).text
        assert {cell.get("scope") for cell in table.iter("th")} == {"col"}
    assert root.get("lang") == "en"


def luminance(colour: tuple[float, ...]) -> float:
    """As WCAG 2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def palettes() -> Iterator[dict[str, tuple[float, ...]]]:
    for declared in (report._LIGHT, report._DARK):
        found = re.findall(r"--([\w-]+):#(\w+)", declared)
        full = (
            (name, code if len(code) == 6 else re.sub("(.)", r"\1\1", code)) for name, code in found
        )
        yield {name: tuple(byte / 255 for byte in bytes.fromhex(code)) for name, code in full}


@pytest.mark.parametrize("colours", list(palettes()), ids=["light", "dark"])
def test_every_text_has_enough_contrast(colours: dict[str, tuple[float, ...]]) -> None:
    pairs = [(ink, back) for ink in ("ink", "soft") for back in ("page", "lane")]
    pairs += [(ink, f"{ink}-page") for ink in ("good", "bad")]
    pairs += [("ink", f"{back}-page") for back in ("good", "bad", "none")]
    assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 4.5] == []
    for family in picture.FAMILIES:
        tint = tuple(
            0.34 * full + 0.66 * lane
            for full, lane in zip(colours[family], colours["lane"], strict=True)
        )
        assert contrast(colours["ink"], tint) >= 4.5
        assert contrast(colours[family], colours["page"]) >= 3.0
