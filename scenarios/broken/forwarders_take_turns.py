from lab.judge.checks import AskedInOrder, SelectionRecognised
from lab.scenario.model import Ask, Expectation, Reconfigure, Scenario, SetForward, Step

LISTED = ("203.0.113.101", "203.0.113.102", "203.0.113.103")


def turned_by(places: int) -> Reconfigure:
    places %= len(LISTED)
    servers = (*LISTED[places:], *LISTED[:places])
    return Reconfigure(node="dns", changes=(SetForward(zone=".", servers=servers, timeout_s=1.0),))


def questions(number: int) -> tuple[Step, ...]:
    return tuple(
        step
        for place in range(number)
        for step in (turned_by(place), Ask(name=f"n{place + 1}.example.com"))
    )


SCENARIO = Scenario(
    title="Broken on purpose: the forwarders take turns",
    story="""Other products choose among forwarders by other rules: CoreDNS takes turns, Windows
moves slow ones to the end, dnsmasq asks them all. Here somebody turns the list by one place before
each question, so on the wire it is round-robin. The judge must say that this is no listed order,
and recognise by which rule the forwarders are chosen instead.""",
    topology="forwarders",
    steps=questions(5),
    expectations=(
        Expectation(
            text="The first forwarder is asked each time",
            rules=("FWD-01", "FWD-04"),
            check=AskedInOrder(servers=LISTED[:1], which="all"),
        ),
        Expectation(
            text="The rule of choosing is recognised as taking turns",
            rules=("FWD-08",),
            check=SelectionRecognised(servers=LISTED, rule="round-robin"),
        ),
    ),
    violates=("FWD-01", "FWD-04"),
)
