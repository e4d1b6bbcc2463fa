"""The judge on every visit: it ends in time, it leads where it should, it is served again."""

from __future__ import annotations

from judging import Cases, cluster
from wire import DNS, NAME, REAL, Wire

from lab.judge.checks import EveryVisitEnds, ServedWhenWhole
from lab.observe.visit import VISIT, VISITED

cases = Cases()

ENDS = EveryVisitEnds()
WHOLE = ServedWhenWhole(bound_s=5)


class Visits:
    """Visits of the viewer on a wire."""

    def __init__(self) -> None:
        self.wire = cluster()
        self.number = 0

    def begin(self, profile: str = "glibc") -> None:
        self.number += 1
        self.wire.mark(
            VISIT, "visits", number=self.number, node="viewer", profile=profile, name=NAME
        )

    def end(self, outcome: str, reason: str = "") -> None:
        self.wire.mark(
            VISITED,
            "ends",
            number=self.number,
            outcome=outcome,
            reason=reason,
            address="",
            banner="",
        )

    def served(self, banner: str = "tgp3", profile: str = "glibc") -> None:
        """A visit that is answered and connects to the third server."""
        self.begin(profile)
        self.wire.exchange("viewer", DNS, REAL[2], aa=False)
        self.wire.connect("viewer", REAL[2], banner=banner)
        self.end("connected")
        self.wire.elapse(1)

    def refused(self) -> None:
        """A visit that is told an error."""
        self.begin()
        self.wire.exchange("viewer", DNS, rcode="SERVFAIL")
        self.end("error", "the name server failed")
        self.wire.elapse(1)

    def breaks(self) -> None:
        self.wire.mark("halted", "off", node="tgp1", program=None)
        self.wire.elapse(1)

    def mends(self) -> None:
        self.wire.mark("resumed", "on", node="tgp1", program=None)
        self.wire.elapse(1)


# --- each ends --------------------------------------------------------------------------------


@cases.passes(ENDS, WHOLE)
def served() -> Wire:
    visits = Visits()
    visits.served()
    return visits.wire


@cases.passes(ENDS)
@cases.fails(WHOLE, because="viewer's visit (glibc) before anything broke: error (the name server")
def told_an_error() -> Wire:
    visits = Visits()
    visits.refused()
    return visits.wire


@cases.fails(ENDS, because="viewer's visit (glibc): it never ended")
def left_waiting() -> Wire:
    visits = Visits()
    visits.begin()
    visits.wire.ask("viewer", DNS)
    return visits.wire


@cases.fails(ENDS, because="viewer's visit (one-shot): it took 300")
def told_too_late() -> Wire:
    visits = Visits()
    visits.begin("one-shot")
    visits.wire.ask("viewer", DNS)
    visits.wire.elapse(300)
    visits.end("error", "timed out")
    return visits.wire


@cases.fails(ENDS, because="nobody knows a viewer like 'abacus'")
def an_unknown_viewer() -> Wire:
    visits = Visits()
    visits.served(profile="abacus")
    return visits.wire


@cases.fails(ENDS, because=f"{REAL[2]} is tgp3; tgp3 answered and said tgp1")
def the_wrong_name() -> Wire:
    visits = Visits()
    visits.served(banner="tgp1")
    return visits.wire


@cases.fails(ENDS, because="it says it is connected, and no handshake was seen")
def connected_in_words_only() -> Wire:
    visits = Visits()
    visits.begin()
    visits.wire.exchange("viewer", DNS, REAL[2], aa=False)
    visits.end("connected")
    return visits.wire


@cases.fails(ENDS, because="it connected to 192.0.2.1, where the plan has nobody")
def connected_to_nobody_of_the_plan() -> Wire:
    visits = Visits()
    visits.begin()
    visits.wire.exchange("viewer", DNS, "192.0.2.1", aa=False)
    visits.wire.connect("viewer", "192.0.2.1", banner="tgp3", far="tgp3")
    visits.end("connected")
    return visits.wire


@cases.fails(ENDS, because="no visit was seen")
@cases.fails(WHOLE, because="no visit was seen after the last repair")
def nobody_visits() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, REAL[2])
    return wire


# --- served while all is whole ----------------------------------------------------------------


@cases.passes(ENDS, WHOLE)
def broken_and_mended() -> Wire:
    visits = Visits()
    visits.served()
    visits.breaks()
    visits.refused()
    visits.mends()
    visits.refused()
    visits.served()
    return visits.wire


@cases.fails(WHOLE, because="7000.00 ms after the last repair: error")
def mended_and_not_served_within_the_bound() -> Wire:
    visits = Visits()
    visits.served()
    visits.breaks()
    visits.mends()
    visits.wire.elapse(6)
    visits.refused()
    visits.served()
    return visits.wire


@cases.fails(WHOLE, because="ms after the last repair: error (the name server failed)")
def served_once_and_then_no_more() -> Wire:
    visits = Visits()
    visits.served()
    visits.breaks()
    visits.mends()
    visits.served()
    visits.refused()
    return visits.wire


@cases.fails(WHOLE, because="viewer was never served again")
def tried_for_too_short_a_time() -> Wire:
    visits = Visits()
    visits.served()
    visits.breaks()
    visits.mends()
    visits.refused()
    return visits.wire


@cases.fails(WHOLE, because="no visit was seen after the last repair")
def nobody_looks_whether_it_is_mended() -> Wire:
    visits = Visits()
    visits.served()
    visits.breaks()
    visits.mends()
    return visits.wire


@cases.fails(WHOLE, because="no visit was seen while all was whole")
def it_stays_broken() -> Wire:
    visits = Visits()
    visits.breaks()
    visits.served()
    return visits.wire


test_cases = cases.test()
