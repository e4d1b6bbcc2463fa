"""What a finding comes to in the light of what the subject documents of itself."""

from __future__ import annotations

from collections.abc import Iterable

from lab.judge.verdict import Evidence, Finding, Outcome
from lab.subjects.behaviour import Listed


def listing_for(
    scenario: str, text: str, rules: tuple[str, ...], listed: Iterable[Listed]
) -> Listed | None:
    """The listed deviation about an expectation: of several, one that happens every time."""
    about = [each for each in listed if each.deviation.covers(scenario, text, rules)]
    return min(about, key=lambda each: each.deviation.is_drawn, default=None)


def weighed(finding: Finding, listed: Listed) -> tuple[Finding, bool]:
    """A finding, weighed against the listing that is about it, and whether that is stale.

    What is listed and fails DEVIATES. What is listed and holds fails, for the listing is wrong; but
    not where it says nothing certain: of another version, with a user's own configuration, or of a
    choice that is drawn (one trial proves nothing; the matrix repeats them).
    """
    told = Evidence(_told(listed))
    if finding.outcome is Outcome.FAILED:
        return Finding(Outcome.DEVIATES, (*finding.evidence, told), finding.value), False
    if finding.outcome is not Outcome.PASSED:
        return finding, False
    if not listed.certain or listed.deviation.is_drawn:
        return Finding(Outcome.PASSED, (*finding.evidence, told), finding.value), False
    stale = Evidence(
        "a listed deviation no longer happens: take it out of "
        f"lab/subjects/behaviour/{listed.subject}.toml, or narrow it"
    )
    return Finding(Outcome.FAILED, (stale, told, *finding.evidence), finding.value), True


def _told(listed: Listed) -> str:
    deviation = listed.deviation
    version = f"{listed.subject} {listed.version}"
    if not listed.certain:
        version += f", listed for {listed.checked} as we configure it"
    drawn = ", seldom" if deviation.seldom else ", now and then" if deviation.is_drawn else ""
    return f"documented{drawn} ({version}): {deviation.because} [{deviation.source}]"
