"""A scenario as pages to be turned: what begins it, each of its steps, each packet, the verdicts.

Pages are made from packets and from the plan as it was meant. Those of a step are made once it is
over, and what comes later never changes a page.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.hop import Hop
from lab.observe.journey import Journey
from lab.observe.story import exchange_records
from lab.observe.timeline import Timeline
from lab.observe.visit import VISITED
from lab.report.ladder import Column, Ladder, lay_out
from lab.report.ladder_text import step_sign
from lab.report.record import ExchangeRecord, HopRecord, NodeRecord, ScenarioRecord
from lab.scenario.description import describe
from lab.scenario.model import Repeat, Scenario, Step, Until
from lab.teaching.faq import Figure, figure_of, numbered
from lab.teaching.glossary import Explainer
from lab.teaching.packet import Field, packet_view
from lab.teaching.words import Teller
from lab.topology.plan import Plan

MOST_PACKETS = 60
"""So many packets of one step get pages; a load of thousands is for the report."""
_MOST_MARKS = 8
_OUTCOMES = (VISITED, "not-connected")
"""Marks that say what came of a step, for its actor."""
_WORLD_WAITED = (
    "The world waited for you before each step, and time went on: what was learnt grew old, and "
    "times from step to step are your own."
)

PageKind = Literal["opening", "step", "packet", "more", "verdicts"]


@dataclass(frozen=True, slots=True)
class Page:
    """One screen."""

    kind: PageKind
    title: str
    words: tuple[str, ...] = ()
    quote: str = ""
    """The FAQ's own sentence."""
    note: str = ""
    """What is wrong with it."""
    fields: tuple[Field, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    """Words of the field that appear for the first time, explained."""
    arrows: int = 0
    """So many arrows the ladder has by now."""


@dataclass(frozen=True)
class Course:
    """A scenario as far as it has come."""

    id: str
    scenario: Scenario
    plan: Plan
    world: str
    held: bool = False
    """The world waits for the reader before each step."""
    timeline: Timeline | None = None
    """None: nothing has happened yet."""
    done: int = 0
    """So many steps are over."""
    record: ScenarioRecord | None = None
    """With the verdicts, once all is over."""

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """All pages there are by now."""
        return tuple(_pages(self))

    @cached_property
    def exchanges(self) -> tuple[ExchangeRecord, ...]:
        """What the ladder shows in the end."""
        return () if self.timeline is None else exchange_records(self.timeline)

    def ladder(self, arrows: int) -> Ladder:
        """The ladder with its first arrows, in columns that stay."""
        nodes = [
            NodeRecord(
                name=node.name,
                label=node.label,
                role=node.role,
                addresses=node.addresses(),
                alias=node.alias,
            )
            for node in self.plan.nodes
        ]
        columns: tuple[Column, ...] = lay_out(self.exchanges, nodes).columns
        return lay_out(tuple(_first(self.exchanges, arrows)), columns)


def _first(exchanges: Sequence[ExchangeRecord], arrows: int) -> Iterator[ExchangeRecord]:
    for exchange in exchanges:
        if arrows <= 0:
            return
        yield exchange.model_copy(update={"hops": exchange.hops[:arrows]})
        arrows -= len(exchange.hops)


def _pages(course: Course) -> Iterator[Page]:
    maker = _Maker(course)
    yield maker.opening()
    for place in range(course.done):
        yield from maker.step(place)
    if course.record is not None:
        yield maker.verdicts()


class _Maker:
    """Makes the pages of a course, one after the other: a word is explained where it comes first,
    and the ladder grows."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._teller = Teller(course.plan)
        self._explainer = Explainer()
        self._arrows = 0
        timeline = course.timeline
        self._messages: dict[int, DnsMessage] = {}
        self._starts: list[int] = []
        self._journeys: defaultdict[int, list[tuple[Journey, ExchangeRecord]]] = defaultdict(list)
        if timeline is None:
            self._figure = None
            return
        self._messages = {
            id(trip): message for message in timeline.messages for trip in message.trips
        }
        # By place in the file: in virtual time many things happen at one instant.
        self._starts = [mark.number for mark in timeline.marks if mark.kind == "step"]
        for journey, exchange in zip(timeline.journeys, course.exchanges, strict=True):
            if journey.hops:
                place = self._place_of(journey.hops[0].frame)
                self._journeys[place].append((journey, exchange))
        self._figure = _figure(course, timeline)

    # --- the first page and the last -----------------------------------------------------------

    def opening(self) -> Page:
        """What is set up, and what will be done."""
        scenario, plan = self._course.scenario, self._course.plan
        fields = [
            Field(node.name, ", ".join(_told(node.addresses(), node.alias, node.label)))
            for node in plan.nodes
        ]
        fields += [
            Field(f"step {number}", self._described(step))
            for number, step in enumerate(scenario.steps, start=1)
        ]
        story = " ".join(scenario.story.split())
        words = (*([story] if story else []), f"The set-up is {plan.source}: {plan.title}.")
        return Page("opening", scenario.title, words, fields=tuple(fields))

    def verdicts(self) -> Page:
        """What was expected, and what came of it: its lines are drawn from the record."""
        waited = self._course.held and self._course.world == "mininet"
        words = (_WORLD_WAITED,) if waited else ()
        title = "What was expected, and what the packets show"
        return Page("verdicts", title, words, arrows=self._arrows)

    # --- a step ---------------------------------------------------------------------------------

    def step(self, place: int) -> Iterator[Page]:
        """The page of a step and those of the packets it caused."""
        steps = self._course.scenario.steps
        step = steps[place]
        pairs = self._journeys.get(place, [])
        total = sum(len(journey.hops) for journey, _ in pairs)
        described = self._described(step)
        words = [f"{described[0].upper()}{described[1:]}."]
        if isinstance(step, Repeat | Until):
            words += self._marked(place, leaving_out=("step",))
        else:
            words += self._marked(place, only=_OUTCOMES)
        words.append(_caused(total))
        title = f"Step {place + 1} of {len(steps)} of the scenario"
        yield Page("step", title, tuple(words), arrows=self._arrows)
        shown = 0
        for journey, exchange in pairs:
            for hop, hop_record in zip(journey.hops, exchange.hops, strict=True):
                self._arrows += 1
                if shown < MOST_PACKETS:
                    shown += 1
                    yield self._packet(journey, hop, hop_record)
        if total > shown:
            yield Page(
                "more",
                f"{total - shown} more packets of this step",
                ("They are like those before; the report of a run has every one of them.",),
                arrows=self._arrows,
            )

    def _described(self, step: Step) -> str:
        name = self._course.plan.cluster_name
        return describe(step).replace("(the cluster)", name or "(the cluster)")

    def _marked(
        self, place: int, *, only: Sequence[str] = (), leaving_out: Sequence[str] = ()
    ) -> list[str]:
        """What the marks within a step say that its description does not."""
        if self._course.timeline is None:
            return []
        told = [
            f"{mark.text[0].upper()}{mark.text[1:]}."
            for mark in self._course.timeline.marks
            if self._place_of(mark.number) == place
            and mark.text
            and mark.kind not in leaving_out
            and (not only or mark.kind in only)
        ]
        more = [f"… and {len(told) - _MOST_MARKS} more."] if len(told) > _MOST_MARKS else []
        return told[:_MOST_MARKS] + more

    def _place_of(self, number: int) -> int:
        """The step within which a record stands in the capture."""
        return max(0, bisect_right(self._starts, number) - 1)

    def _packet(self, journey: Journey, hop: Hop, record: HopRecord) -> Page:
        message = self._messages.get(id(hop.trip))
        before = _before_nat(journey, hop)
        view = packet_view(hop, message, before)
        way = f"{hop.sender} → {hop.receiver}"
        quote = note = ""
        title = way
        if record.step is not None:
            title = f"{step_sign(record.step)} {way}"
            if self._figure is not None and record.step <= len(self._figure.steps):
                figured = self._figure.steps[record.step - 1]
                quote, note = figured.words, figured.note
        after = f"{record.at_ms:,.2f} ms after the start".replace(",", "\u2009")
        words = self._teller.tell(hop, message, behind_nat=before is not None)
        return Page(
            "packet",
            f"{title}, {after}",
            words,
            quote,
            note,
            view.fields,
            self._explainer.explain((*self._roles(hop), *view.words)),
            self._arrows,
        )

    def _roles(self, hop: Hop) -> Iterator[str]:
        """Words of the field that the sentences have."""
        for name in (hop.sender, hop.receiver):
            node = next((node for node in self._course.plan.nodes if node.name == name), None)
            if node is not None and node.role == "resolver":
                yield "resolver"
            if node is not None and node.load_balancer and hop.kind == "query":
                yield "load balancer"
        if hop.kind == "query" and hop.receiver and hop.text.endswith("?"):
            sender = next((n for n in self._course.plan.nodes if n.name == hop.sender), None)
            if sender is not None and sender.role == "resolver":
                yield "forwarder"
        if hop.text.startswith("referral"):
            yield "referral"
        if hop.text.startswith("no data"):
            yield "NODATA"


def _caused(total: int) -> str:
    few = {0: "It causes no question and no connection.", 1: "It causes one packet."}
    return few.get(total, f"It causes {total} packets.")


def _told(addresses: tuple[str, ...], alias: str | None, label: str) -> Iterator[str]:
    yield " and ".join(addresses)
    if alias is not None:
        yield f"alias {alias}"
    if label:
        yield label


def _before_nat(journey: Journey, hop: Hop) -> Hop | None:
    """The hop of the same packet before the NAT, where this is the one behind it."""
    if hop.crossing is None:
        return None
    place = journey.hops.index(hop)
    return next(
        (
            other
            for other in reversed(journey.hops[:place])
            if other.crossing == hop.crossing and other.trip is hop.trip
        ),
        None,
    )


def _figure(course: Course, timeline: Timeline) -> Figure | None:
    """The FAQ's figure that the numbered steps are, where the cluster's name is asked for."""
    roles = {node.name: node.role for node in course.plan.nodes}
    asked = next(
        (each.root for each in timeline.journeys if isinstance(each.root, DnsExchange)), None
    )
    if asked is None or asked.query.name != course.plan.cluster_name:
        return None
    steps = {
        hop.step: (roles.get(hop.sender, ""), roles.get(hop.receiver, ""), str(hop.kind))
        for exchange in course.exchanges
        for hop in exchange.hops
        if hop.step is not None
    }
    return figure_of(numbered(steps)) if steps else None
