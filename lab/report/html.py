"""The report as one HTML page that needs nothing but itself.

`page.html` is the template, `page.js` is put into it. What needs reckoning is reckoned here; the
template only says where it stands.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, groupby
from pathlib import Path

from markupsafe import Markup, escape

from lab.judge.rules import RULES, Rule
from lab.report.ladder import columns_of, lay_out
from lab.report.ladder_svg import ladder_svg
from lab.report.page_template import page_template
from lab.report.record import ExchangeRecord, OutcomeWord, RunRecord, ScenarioRecord
from lab.report.repetitions import once_each
from lab.report.rules import rule_outcome, rule_results
from lab.report.timing_views import ScenarioTimes, scenario_times, timing_view
from lab.report.viewers import viewer_table
from lab.report.wording import MARKS, OUTCOMES, connect_time, duration, instant, printable

_HERE = Path(__file__).parent
_SHOWN_EXCHANGES = 4
"""So many exchanges of a scenario stand open; the others are folded unless a failure cites them."""
_DRAWN_IN_A_FOLD = 60
"""So many exchanges of a fold are drawn: nobody reads hundreds, and the page must open at once."""
_MOST_ARROWS = 24
"""A drawing ends with the exchange that brings so many arrows: it must fit on a printed page."""


def report_page(run: RunRecord, topology_svgs: Mapping[str, str]) -> str:
    """The page. `topology_svgs` has a drawing by topology name, each an `<svg>` document. A
    scenario that was repeated stands in it once, as it came out worst."""
    record = once_each(run)
    times = scenario_times(run)
    template = page_template(
        _HERE, duration=duration, instant=instant, printable=printable, breakable=_breakable
    )
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    anchors = _anchors(record.scenarios)
    views_by_area: dict[str, list[_ScenarioView]] = {}
    topologies = {
        name: picture
        for name in dict.fromkeys(each.topology for each in record.scenarios)
        if (picture := _picture(name, topology_svgs.get(name, ""))) is not None
    }
    views = [
        _ScenarioView(each, anchors[each.id], topologies.get(each.topology), times[each.id])
        for each in record.scenarios
    ]
    for view in views:
        views_by_area.setdefault(view.area, []).append(view)
    return template.render(
        run=record,
        headline=headline(record),
        started=_readable_time(record.started),
        clocks=" and ".join(sorted({each.clock for each in record.scenarios})) or "none",
        marks=MARKS,
        outcomes=[word for word in OUTCOMES if record.totals.get(word)],
        scenarios=views,
        scenario_areas=views_by_area,
        topologies=list(topologies.values()),
        areas=_rule_areas(record, anchors),
        rules=RULES,
        timing=timing_view(run, anchors),
        viewers=viewer_table(record.scenarios, anchors),
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def headline(record: RunRecord) -> str:
    """The run in one sentence, bad news first."""
    ran = len(record.scenarios)
    if not ran:
        return "Nothing ran"
    bad = [
        f"{record.totals[word]} {word}" for word in ("failed", "broken") if record.totals.get(word)
    ]
    judged = ran - record.totals.get("unsupported", 0)
    good = record.totals.get("passed", 0)
    if not judged:
        return "Nothing could be judged"
    if bad:
        return f"{', '.join(bad)}; {good} of {ran} scenarios passed"
    if good == ran:
        return f"All {ran} scenarios passed" if ran > 1 else "The scenario passed"
    return f"{good} of {ran} scenarios passed, none failed"


# --- a scenario ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Picture:
    """A topology's drawing, stood in the page once and referred to from every scenario."""

    name: str
    anchor: str
    view_box: str
    svg: Markup


@dataclass(frozen=True)
class _Ladders:
    """Drawings that stand one below the other."""

    svgs: tuple[Markup, ...]
    folded: bool
    exchanges: int
    undrawn: int


@dataclass(frozen=True)
class _ScenarioView:
    record: ScenarioRecord
    anchor: str
    picture: _Picture | None
    times: ScenarioTimes

    @property
    def area(self) -> str:
        return self.record.id.partition("/")[0] if "/" in self.record.id else "scenarios"

    @property
    def name(self) -> str:
        """The rest of the id, as words."""
        name = self.record.id.partition("/")[2] or self.record.id
        return name.replace("_", " ").replace("/", " · ")

    @property
    def connect_time(self) -> str:
        return connect_time(self.record)

    @property
    def story(self) -> list[str]:
        return [part for part in self.record.story.split("\n\n") if part.strip()]

    @property
    def warnings(self) -> int:
        """Failed SHOULDs in a scenario that passed all the same."""
        return sum(
            each.outcome == "failed" and each.severity == "SHOULD" and not each.meant_to_fail
            for each in self.record.expectations
        )

    @property
    def hop_frames(self) -> frozenset[int]:
        """Frames that have an arrow, so that evidence can point at it."""
        return frozenset(hop.frame for each in self.record.exchanges for hop in each.hops)

    @property
    def ladders(self) -> Iterator[_Ladders]:
        columns = columns_of(self.record)
        title = f"{self.record.title}: ladder diagram"
        number = count()
        for folded, exchanges in _groups(self.record):
            drawn = exchanges[:_DRAWN_IN_A_FOLD] if folded else exchanges
            svgs = tuple(
                Markup(ladder_svg(lay_out(part, columns), self.anchor, title, next(number)))  # noqa: S704 - ours, escaped
                for part in _drawings(drawn)
            )
            yield _Ladders(svgs, folded, len(exchanges), len(exchanges) - len(drawn))


def _groups(scenario: ScenarioRecord) -> Iterator[tuple[bool, list[ExchangeRecord]]]:
    """(folded, exchanges), in order: open are the first few and those that hold evidence of a
    failure nobody wanted."""
    cited = {
        frame
        for each in scenario.expectations
        if each.outcome == "failed" and not each.meant_to_fail
        for evidence in each.evidence
        for frame in evidence.frames
    }
    numbered = enumerate(exchange for exchange in scenario.exchanges if exchange.hops)
    for folded, group in groupby(
        numbered,
        lambda each: (
            each[0] >= _SHOWN_EXCHANGES and not any(hop.frame in cited for hop in each[1].hops)
        ),
    ):
        yield folded, [exchange for _, exchange in group]


def _drawings(exchanges: Sequence[ExchangeRecord]) -> Iterator[Sequence[ExchangeRecord]]:
    together: list[ExchangeRecord] = []
    for exchange in exchanges:
        together.append(exchange)
        if sum(len(each.hops) for each in together) >= _MOST_ARROWS:
            yield together
            together = []
    if together:
        yield together


def _anchors(scenarios: Sequence[ScenarioRecord]) -> dict[str, str]:
    """An id of the page for each scenario: letters, digits and dashes, no two alike."""
    taken: dict[str, str] = {}
    for scenario in scenarios:
        anchor = base = f"s-{re.sub(r'[^a-zA-Z0-9]+', '-', scenario.id).strip('-')}"
        number = 1
        while anchor in taken.values():
            number += 1
            anchor = f"{base}-{number}"
        taken[scenario.id] = anchor
    return taken


# --- topologies ---------------------------------------------------------------------------------


def _picture(name: str, svg: str) -> _Picture | None:
    """The drawing with an id of its own; None when there is none."""
    start = svg.find("<svg")
    if start < 0:
        return None
    svg = svg[start:]
    anchor = f"topology-{re.sub(r'[^a-zA-Z0-9]+', '-', name)}"
    tag, rest = svg[: svg.index(">")], svg[svg.index(">") :]
    tag = re.sub(r"""\sid=("[^"]*"|'[^']*')""", "", tag)
    box = re.search(r'viewBox="([^"]+)"', tag)
    size = [re.search(rf'\s{side}="([\d.]+)', tag) for side in ("width", "height")]
    if box is not None:
        view_box = box.group(1)
    elif size[0] is not None and size[1] is not None:
        view_box = f"0 0 {size[0].group(1)} {size[1].group(1)}"
    else:
        view_box = "0 0 800 500"
    # Two drawings in one page must not answer to each other's ids.
    for inner in dict.fromkeys(re.findall(r'\bid="([^"]+)"', rest)):
        own = f"{anchor}-{inner}"
        rest = rest.replace(f'id="{inner}"', f'id="{own}"')
        rest = rest.replace(f"url(#{inner})", f"url(#{own})").replace(f'"#{inner}"', f'"#{own}"')
    whole = tag.replace("<svg", f'<svg id="{anchor}"', 1) + rest
    return _Picture(name, anchor, view_box, Markup(whole))  # noqa: S704 - drawn by lab.topology


# --- rules --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _RuleView:
    """What became of a rule over the run."""

    rule: Rule
    outcome: OutcomeWord | None
    """None when it was only cited by set-ups broken on purpose."""
    judged_in: tuple[tuple[str, str], ...]
    """(scenario id, its anchor)."""
    caught_in: tuple[tuple[str, str], ...]
    """Set-ups broken on purpose in which its violation was found."""


def _rule_areas(record: RunRecord, anchors: Mapping[str, str]) -> list[tuple[str, list[_RuleView]]]:
    """The rules this run judged, by area, in the catalogue's order."""
    areas: dict[str, list[_RuleView]] = {}
    results = rule_results(record)
    for rule in RULES.values():
        if rule.id not in results:
            continue
        caught = [each for each in results[rule.id] if each.word == "caught"]
        judged = [each for each in results[rule.id] if each.word != "caught"]
        view = _RuleView(
            rule,
            rule_outcome(judged),
            tuple((each.scenario, anchors[each.scenario]) for each in judged),
            tuple((each.scenario, anchors[each.scenario]) for each in caught),
        )
        areas.setdefault(rule.area, []).append(view)
    return list(areas.items())


def _breakable(text: str) -> Markup:
    """The text, which a browser may break after a slash or an underscore."""
    return Markup(re.sub(r"([/_])", r"\1<wbr>", str(escape(text))))  # noqa: S704 - escaped here


def _readable_time(started: str) -> str:
    try:
        moment = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M:%S} UTC"
