"""A judged capture for people: lines for a terminal, and JUnit for whatever shows test results."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from lab.captures.record import CaptureRecord, VerdictRecord, VerdictWord
from lab.report.junit import frames_text, xml_document
from lab.report.wording import duration, printable

_MARKS: dict[VerdictWord, str] = {"passed": "✔", "failed": "✘", "observed": "◉", "not seen": "·"}
_STRANGERS_TOLD = 10


def lines_of(record: CaptureRecord) -> Iterator[str]:
    """What a user reads."""
    yield from map(printable, _lines(record))


def _lines(record: CaptureRecord) -> Iterator[str]:
    networks = ", ".join(f"{name} {count}" for name, count in record.networks.items())
    origin = "the lab's own capture, " if record.is_own else ""
    yield (
        f"{record.capture}: {origin}{record.packets} packets of topology {record.topology} in "
        f"{duration(record.lasts_s * 1000)} ({networks})"
    )
    yield from _asides(record)
    yield ""
    for verdict in record.verdicts:
        if verdict.outcome != "not seen":
            yield from _verdict(verdict)
    unseen = [each for each in record.verdicts if each.outcome == "not seen"]
    if unseen:
        yield ""
        yield "This capture does not show:"
        for verdict in unseen:
            yield f"  {_MARKS['not seen']} {verdict.text} [{', '.join(verdict.rules)}]"
            yield f"      {verdict.reason}"
    yield ""
    yield _total(record)


def _asides(record: CaptureRecord) -> Iterator[str]:
    if record.seen_twice:
        yield f"  seen more than once, counted once: {record.seen_twice} packets"
    for reason, count in sorted(record.left_out.items(), key=lambda each: -each[1]):
        yield f"  left out: {count} frames, {reason}"
    for problem in record.problems:
        yield f"  warning: {problem}"
    if record.strangers:
        yield f"  addresses that the topology does not have: {len(record.strangers)}"
        for stranger in record.strangers[:_STRANGERS_TOLD]:
            taken = ", a client: it asks the viewers' DNS server" * stranger.is_client
            yield f"    {stranger.address}: {stranger.packets} packets{taken}"
        if len(record.strangers) > _STRANGERS_TOLD:
            yield f"    and {len(record.strangers) - _STRANGERS_TOLD} more (--json lists them)"
    if (waits := record.waits) is not None:
        told = ", ".join(
            f"{name} {duration(figure)}"
            for name, figure in (
                ("median", waits.median),
                ("p90", waits.p90),
                ("p99", waits.p99),
                ("max", waits.max),
            )
        )
        yield f"  clients waited, over {waits.n} questions: {told}"


def _verdict(verdict: VerdictRecord) -> Iterator[str]:
    word = _word(verdict)
    yield f"{_MARKS[verdict.outcome]} {word:9} {verdict.text} [{', '.join(verdict.rules)}]"
    for proof in verdict.evidence:
        yield f"      {proof.text} {_few(proof.frames)}".rstrip()


def _word(verdict: VerdictRecord) -> str:
    is_warning = verdict.outcome == "failed" and verdict.severity == "SHOULD"
    return "failed (SHOULD)" if is_warning else verdict.outcome


def _few(frames: tuple[int, ...]) -> str:
    """Frames in brackets, not hundreds of them."""
    if len(frames) <= 12:
        return frames_text(frames)
    return f"(frames {', '.join(map(str, frames[:12]))}, … {len(frames) - 12} more)"


def _total(record: CaptureRecord) -> str:
    words: tuple[VerdictWord, ...] = ("passed", "failed", "observed", "not seen")
    counts = {word: sum(each.outcome == word for each in record.verdicts) for word in words}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return (
        f"{record.outcome}: {told}; {record.other_rules} more rules need a scenario, in which "
        "something is asked or broken on purpose"
    )


# --- JUnit ------------------------------------------------------------------------------------


def junit_of(record: CaptureRecord, *, strict: bool) -> str:
    """One case for each expectation; what was not seen is skipped with its reason."""
    root = ET.Element("testsuites", name="forwardlab judge")
    suite = ET.SubElement(root, "testsuite", name=printable(record.capture))
    suite.set("tests", str(len(record.verdicts)))
    failures = [each for each in record.verdicts if _counts(each, strict=strict)]
    suite.set("failures", str(len(failures)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(each.outcome == "not seen" for each in record.verdicts)))
    for verdict in record.verdicts:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=printable(record.topology),
            name=printable(f"{verdict.text} [{', '.join(verdict.rules)}]"),
        )
        proofs = "\n".join(
            printable(f"{each.text} {frames_text(each.frames)}".rstrip())
            for each in verdict.evidence
        )
        if verdict.outcome == "not seen":
            ET.SubElement(case, "skipped", message=printable(verdict.reason))
        elif _counts(verdict, strict=strict):
            failure = ET.SubElement(case, "failure", type="failed", message=printable(verdict.text))
            failure.text = proofs
        ET.SubElement(case, "system-out").text = f"outcome: {verdict.outcome}\n{proofs}".rstrip()
    return xml_document(root)


def _counts(verdict: VerdictRecord, *, strict: bool) -> bool:
    return verdict.outcome == "failed" and (strict or verdict.severity == "MUST")
