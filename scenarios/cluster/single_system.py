from lab.judge.checks import Answered, AskedNobody, ConnectedToAnswer, Reached
from lab.scenario.model import Ask, Connect, Expectation, Scenario

SCENARIO = Scenario(
    title="Single system: one name, one address",
    story="""A single system needs no forwarding. The local DNS server hosts the zone itself and
turns the one name into the one address; the viewer connects to it.""",
    topology="single",
    steps=(Ask(), Connect()),
    expectations=(
        Expectation(
            text="The DNS server answers from its own zone: authoritative, exactly one address",
            rules=("CLU-07", "OWN-01"),
            check=Answered(count=1, addresses=("192.168.1.100",), authoritative=True),
        ),
        Expectation(
            text="It asks nobody else",
            rules=("OWN-01",),
            check=AskedNobody(asker="dns"),
        ),
        Expectation(
            text="The viewer connects to exactly that address",
            rules=("CLU-07",),
            check=ConnectedToAnswer(via_balancer=False),
        ),
        Expectation(
            text="The server it reaches is the single system",
            rules=("CLU-07",),
            check=Reached(servers=("server1",)),
        ),
    ),
)
