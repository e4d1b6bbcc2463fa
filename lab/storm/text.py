"""A storm's figures as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.report.wording import duration, printable
from lab.storm.record import StormRecord, WaitRecord

_WORDS = {"passed": "passed", "failed": "FAILED", "broken": "BROKEN"}


def storm_lines(record: StormRecord) -> Iterator[str]:
    """Everything a user must see, line by line."""
    yield (
        f"{record.topology}: {record.viewers:,} viewers, {record.arrivals.stated_per_s:,g} a "
        f"second; {record.world} world, {record.clock} clock, seed {record.seed}"
    )
    yield f"{_WORDS[record.outcome]}{': ' if record.reasons else ''}{'; '.join(record.reasons)}"
    yield ""
    yield from account(record)
    yield ""
    yield from table(waits(record))
    yield ""
    yield from table(shares(record))
    evenness = record.evenness
    if evenness is not None:
        yield (
            f"chi-squared {evenness.statistic:.2f} of {evenness.degrees} degrees of freedom, "
            f"p = {evenness.p_value:.2g}, if {evenness.hypothesis}"
        )
    if record.processors:
        yield ""
        yield from table(processors(record))
    yield ""
    for note in record.notes:
        yield f"note: {note}"
    yield (
        f"{record.capture.frames:,} frames, {record.capture.frames_lost:,} lost; "
        f"{record.host['cores']} cores, load {record.load[0]:.1f} before and "
        f"{record.load[1]:.1f} after; {record.wall_s:.1f} s, of which reading "
        f"{record.reading_s:.1f} s"
    )


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines, columns aligned: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def account(record: StormRecord) -> Iterator[str]:
    """What became of viewers, questions and connections."""
    crowd, answers, connects = record.crowd, record.answers, record.connects
    yield (
        f"crowd        {crowd.prefix} behind {crowd.node} ({crowd.address} on {crowd.network}) "
        f"asks {record.server} for {record.name}"
    )
    achieved, late = record.arrivals.achieved, record.arrivals.late
    if achieved is not None and late is not None:
        yield (
            f"arrivals     {achieved.per_s:,.0f} a second achieved; a question left late by "
            f"{duration(late.median)} at the median, {duration(late.max)} at most"
        )
    yield (
        f"answers      {answers.asked:,} asked, {answers.reached:,} reached {record.server}, "
        f"{answers.answered:,} answered, {answers.lost:,} lost; {answers.received:,} came back"
    )
    upstream = record.upstream
    if upstream.per_question is not None:
        yield (
            f"upstream     {_counted(upstream.questions, 'question')}, "
            f"{_counted(upstream.connections, 'connection')}: {upstream.per_question:.2g} for each "
            "client question"
        )
    rate = connects.established_rate
    told = "" if rate is None else f"; {rate.per_s:,.0f} a second"
    yield (
        f"connections  {connects.tried:,} tried, {connects.established:,} made, "
        f"{connects.failed:,} failed, {connects.syns_repeated:,} SYNs repeated{told}, "
        f"{connects.at_once} at once"
    )


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def waits(record: StormRecord) -> list[tuple[str, ...]]:
    """The waits, a heading first."""
    rows: list[tuple[str, ...]] = [("wait", "clock", "n", "median", "p90", "p99", "max")]
    for name, wait in named_waits(record):
        if wait is not None:
            figures = map(duration, (wait.median, wait.p90, wait.p99, wait.max))
            rows.append((name, wait.clock, f"{wait.n:,}", *figures))
    return rows


def named_waits(record: StormRecord) -> tuple[tuple[str, WaitRecord | None], ...]:
    """All waits of a storm, as people call them."""
    return (
        ("answer", record.answer_wait),
        ("connection", record.connect_wait),
        ("both", record.both_wait),
        ("turn to connect (the lab's)", record.connects.turn),
        ("lateness of a question (the lab's)", record.arrivals.late),
    )


def shares(record: StormRecord) -> list[tuple[str, ...]]:
    """What each node got, a heading first."""
    rows: list[tuple[str, ...]] = [("node", "answers", "connections")]
    rows += [
        (printable(f"{each.node} ({each.label})"), f"{each.answers:,}", f"{each.connections:,}")
        for each in record.nodes
    ]
    return rows


def processors(record: StormRecord) -> list[tuple[str, ...]]:
    """What was busy, the busiest first."""
    lasted_s = record.lasted_ms / 1_000
    rows: list[tuple[str, ...]] = [("process", "processor time", "of one processor")]
    rows += [
        (f"{each.node}: {each.program}", f"{each.seconds:.2f} s", f"{each.seconds / lasted_s:.0%}")
        for each in sorted(record.processors, key=lambda each: -each.seconds)
        if each.seconds >= 0.005 and lasted_s
    ]
    return rows
