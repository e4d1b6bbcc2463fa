from lab.judge.checks import Answered, DeadlineKept
from lab.scenario.model import (
    Ask,
    Expectation,
    Play,
    Reconfigure,
    Scenario,
    Script,
    SetForward,
    Step,
)
from lab.topology.plan import ProgramName

SILENT = Script(silent=True)
LISTED: tuple[tuple[str, ProgramName, str], ...] = (
    ("forwarder1", "resolver", "203.0.113.101"),
    ("forwarder2", "resolver", "203.0.113.102"),
    ("forwarder3", "resolver", "203.0.113.103"),
    ("com", "authority", "203.0.113.20"),
    ("net", "authority", "203.0.113.21"),
)
"""Five machines that can be silent; the last two are authoritative servers otherwise."""


def one_more_dead_each_time(number: int) -> tuple[Step, ...]:
    """A question with all alive, with one dead, with two dead, and so on."""
    steps: list[Step] = [Ask(name="n1.example.com")]
    for place, (node, program, _) in enumerate(LISTED[:number], start=2):
        steps += [
            Play(node=node, program=program, script=SILENT),
            Ask(name=f"n{place}.example.com", patience_s=20.0),
        ]
    return tuple(steps)


SCENARIOS = {
    "one_second_each": Scenario(
        title="Up to three dead forwarders: the client hears something before it gives up",
        story="""An ordinary client gives up after five seconds. With one second for each forwarder
the DNS server can afford three dead ones: the client gets an answer as long as one is alive, and
"that failed" when none is. The judge reports the largest number of dead forwarders for which a
response came in time.""",
        topology="forwarders",
        steps=one_more_dead_each_time(3),
        expectations=(
            Expectation(
                text="With none, one, two and three dead forwarders a response comes within 5 s",
                rules=("FWD-24",),
                check=DeadlineKept(deadline_s=5.0, dead=3),
            ),
            Expectation(
                text="With two dead the client gets the answer",
                rules=("FWD-24",),
                check=Answered(name="n3.example.com", addresses=("198.51.101.3",)),
            ),
            Expectation(
                text="With all dead it is told so",
                rules=("FWD-24",),
                check=Answered(name="n4.example.com", rcode="SERVFAIL", count=0),
            ),
        ),
    ),
    "too_patient": Scenario(
        title="Five dead forwarders at two seconds each: where the client's patience ends",
        story="""The same with a longer list and the profile's own two seconds for each forwarder.
With two dead ones the answer comes after four seconds, in time; with three it would come after
six, when the client has given up. The judge reports two: more forwarders than that are of no use
to anybody with such a timeout.""",
        topology="forwarders",
        needs=("long waits",),
        steps=(
            Reconfigure(
                node="dns",
                changes=(
                    SetForward(
                        zone=".", servers=tuple(address for _, _, address in LISTED), timeout_s=2.0
                    ),
                ),
            ),
            *one_more_dead_each_time(5),
        ),
        expectations=(
            Expectation(
                text="With up to two dead forwarders a response comes within 5 s",
                rules=("FWD-24",),
                check=DeadlineKept(deadline_s=5.0, dead=2),
            ),
        ),
    ),
}
