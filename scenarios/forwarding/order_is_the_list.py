from lab.judge.checks import (
    Answered,
    AskedInOrder,
    NextAskedAfterTimeout,
    NothingSent,
    SelectionRecognised,
)
from lab.scenario.model import (
    Ask,
    Expectation,
    Play,
    Reconfigure,
    Reply,
    Scenario,
    Script,
    SetForward,
)

FIRST, SECOND, THIRD = "203.0.113.101", "203.0.113.102", "203.0.113.103"
ROOT = "203.0.113.10"


def answering(address: str, **how: float) -> Script:
    return Script(replies=(Reply(answer=(f"@ 60 IN A {address}",), **how),))


SCENARIOS = {
    "as_listed": Scenario(
        title="The first question goes to the first forwarder, and to nobody else",
        story="""No zone, no cache entry and no condition is for the name, so the question is
forwarded. All forwarders are well; the first in the list is asked, and that is all. With
forwarders that work, nobody needs a root server, though the DNS server may recurse.""",
        topology="forwarders-recursion",
        steps=(Ask(name="www.example.com"), Ask(name="www.example.net")),
        expectations=(
            Expectation(
                text="Each question goes to the first forwarder",
                rules=("FWD-01",),
                check=AskedInOrder(servers=(FIRST,), which="all", times=2),
            ),
            Expectation(
                text="No packet goes to the root server or to the other forwarders",
                rules=("REC-01", "FWD-01"),
                check=NothingSent(node="dns", to=(ROOT, SECOND, THIRD)),
            ),
            Expectation(
                text="The client gets the address",
                rules=("FWD-01",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "swapped": Scenario(
        title="Swapping entries of the list swaps whom is asked, and nothing else",
        story="""The administrator moves the third forwarder to the top of the list, the only way
to change the preference. The second stays second, the first is last now. With the new first one
silent the order of the list can be read from the packets.""",
        topology="forwarders",
        steps=(
            Play(node="forwarder1", program="resolver", script=Script(silent=True)),
            Play(node="forwarder3", program="resolver", script=Script(silent=True)),
            Ask(name="www.example.com"),
            Reconfigure(
                node="dns",
                changes=(SetForward(zone=".", servers=(THIRD, SECOND, FIRST), timeout_s=1.0),),
            ),
            Ask(name="www.example.net"),
        ),
        expectations=(
            Expectation(
                text="Before: the first, then the second",
                rules=("FWD-01",),
                check=AskedInOrder(servers=(FIRST, SECOND), name="www.example.com"),
            ),
            Expectation(
                text="After: the third, then the second",
                rules=("FWD-01",),
                check=AskedInOrder(servers=(THIRD, SECOND), name="www.example.net"),
            ),
            Expectation(
                text="The timeout is as before",
                rules=("FWD-01", "FWD-02"),
                check=NextAskedAfterTimeout(timeout_s=1.0),
            ),
            Expectation(
                text="The client gets an answer each time",
                rules=("FWD-01",),
                check=Answered(name="www.example.net", addresses=("198.51.100.180",), within_s=1),
            ),
        ),
    ),
    "slow_first_stays_first": Scenario(
        title="A slow first forwarder stays first",
        story="""The first forwarder takes 400 ms for every answer; the second would take none. A
resolver that measures round-trip times would soon prefer the second one. "The IP addresses in the
forwarders list are not ordered according to roundtrip time": the first is asked again and again.
Between two questions the first one even fails once; that changes nothing either.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(name="failing.example.com", silent=True),
                        Reply(delay_s=0.4, answer=("@ 60 IN A 198.51.100.201",)),
                    )
                ),
            ),
            Play(node="forwarder2", program="resolver", script=answering("198.51.100.202")),
            Ask(name="one.example.com"),
            Ask(name="failing.example.com"),
            *(Ask(name=f"{name}.example.com") for name in ("two", "three", "four", "five")),
        ),
        expectations=(
            *(
                Expectation(
                    text=f"{name}.example.com is asked of the first forwarder alone",
                    rules=("FWD-04",),
                    check=AskedInOrder(servers=(FIRST,), name=f"{name}.example.com"),
                )
                for name in ("one", "two", "five")
            ),
            Expectation(
                text="The answer is the slow first one's",
                rules=("FWD-04",),
                check=Answered(name="five.example.com", addresses=("198.51.100.201",)),
            ),
            Expectation(
                text="Where the first fails, the fast second one answers",
                rules=("FWD-04",),
                check=Answered(name="failing.example.com", addresses=("198.51.100.202",)),
            ),
            Expectation(
                text="From the packets the rule of choosing is recognised as the listed order",
                rules=("FWD-04", "FWD-08"),
                check=SelectionRecognised(servers=(FIRST, SECOND, THIRD), rule="listed-order"),
            ),
        ),
    ),
}
