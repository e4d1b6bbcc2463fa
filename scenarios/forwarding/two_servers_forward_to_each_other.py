from lab.judge.checks import Answered, QuestionsBounded
from lab.scenario.model import Ask, Expectation, Reconfigure, Scenario, SetForward

SCENARIO = Scenario(
    title="Two servers that forward to each other stop, and say that they failed",
    story="""A mistake that is easily made after a merger: each DNS server is entered as the
other's forwarder. A question neither can answer would go round for ever, as fast as the wires
allow. Here it comes back once: the DNS server is asked by its own forwarder what it has just asked
him, sees the loop and says that it failed. So does the forwarder then, and the client is told.""",
    topology="forwarders",
    steps=(
        Reconfigure(
            node="dns",
            changes=(SetForward(zone=".", servers=("203.0.113.101",), timeout_s=1.0),),
        ),
        Reconfigure(
            node="forwarder1",
            changes=(SetForward(zone=".", servers=("192.168.1.53",), timeout_s=1.0),),
        ),
        Ask(name="www.example.com"),
    ),
    expectations=(
        Expectation(
            text="The DNS server asks the forwarder once",
            rules=("FWD-21",),
            check=QuestionsBounded(asker="dns", at_most=1),
        ),
        Expectation(
            text="The forwarder asks the DNS server once",
            rules=("FWD-21",),
            check=QuestionsBounded(asker="forwarder1", at_most=1),
        ),
        Expectation(
            text="The client is told SERVFAIL after one time-out",
            rules=("FWD-21",),
            check=Answered(name="www.example.com", rcode="SERVFAIL", count=0, within_s=1.0),
        ),
    ),
)
