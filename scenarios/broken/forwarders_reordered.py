from lab.judge.checks import AskedInOrder, SelectionRecognised
from lab.judge.checks.selection import SelectionRule
from lab.scenario.model import (
    Ask,
    Expectation,
    Play,
    Reconfigure,
    Reply,
    Scenario,
    Script,
    SetForward,
    Step,
)

LISTED = ("203.0.113.101", "203.0.113.102", "203.0.113.103")


def turned_by(places: int) -> Reconfigure:
    places %= len(LISTED)
    servers = (*LISTED[places:], *LISTED[:places])
    return Reconfigure(node="dns", changes=(SetForward(zone=".", servers=servers, timeout_s=1.0),))


def question(number: int) -> Ask:
    return Ask(name=f"n{number}.example.com")


def reordered(title: str, story: str, rule: SelectionRule, *steps: Step) -> Scenario:
    return Scenario(
        title=title,
        story=story,
        topology="forwarders",
        steps=steps,
        expectations=(
            Expectation(
                text="The first forwarder is asked each time",
                rules=("FWD-01", "FWD-04"),
                check=AskedInOrder(servers=LISTED[:1], which="all"),
            ),
            Expectation(
                text="The rule of choosing is the listed order",
                rules=("FWD-04",),
                check=SelectionRecognised(servers=LISTED, rule="listed-order"),
            ),
            Expectation(
                text=f"The rule of choosing is recognised: {rule}",
                rules=("FWD-08",),
                check=SelectionRecognised(servers=LISTED, rule=rule),
            ),
        ),
        violates=("FWD-01", "FWD-04"),
    )


SCENARIOS = {
    "in_turn": reordered(
        "Broken on purpose: the forwarders take turns",
        """Other products choose among forwarders by other rules; CoreDNS lets them take turns.
Here somebody turns the list by one place before each question, which is the same on the wire. The
judge must say that this is no listed order, and recognise the rule instead.""",
        "round-robin",
        *(step for n in range(5) for step in (turned_by(n), question(n + 1))),
    ),
    "slow_one_left": reordered(
        "Broken on purpose: the first forwarder is left because it is slow",
        """Windows moves a forwarder that was slow three times to the end of the list, and BIND and
Unbound prefer servers with shorter round-trip times. Here the first forwarder takes 300 ms, and
after three such answers somebody moves it to the end: on the wire it is the same. The judge must
say that this is no listed order, and recognise the rule instead.""",
        "moves-on",
        Play(
            node="forwarder1",
            program="resolver",
            script=Script(replies=(Reply(delay_s=0.3, answer=("@ 60 IN A 198.51.100.201",)),)),
        ),
        *map(question, (1, 2, 3)),
        turned_by(1),
        *map(question, (4, 5)),
    ),
}
