from lab.judge.checks import Answered, AskedNobody, AskedOnly, OutsideOnlyBy
from lab.scenario.model import Ask, Expectation, Scenario

DESIGNATED = "10.0.0.53"
EXAMPLE = "203.0.113.40"

SCENARIO = Scenario(
    title="One designated DNS server communicates with the Internet, and the others forward to it",
    story="""The first paragraph of the forwarders article: "configure your network's firewall to
allow only one DNS server to communicate with the Internet"; the others forward to it what they
cannot resolve locally. Two inner DNS servers do so here. What is local they answer themselves. A
client that goes past them and asks a server on the Internet directly gets no answer: the firewall
drops the question.""",
    topology="designated-forwarder",
    steps=(
        Ask(name="intranet.corp.example.com"),
        Ask(name="www.example.com"),
        Ask(node="viewer2", name="alias.example.com"),
        Ask(name="two.example.com", server=EXAMPLE, patience_s=0.5),
        Ask(name="two.example.com", server=EXAMPLE, transport="tcp", patience_s=0.5),
    ),
    expectations=(
        Expectation(
            text="Only the designated forwarder's questions reach the Internet; others try in vain",
            rules=("FWD-07",),
            check=OutsideOnlyBy(asker="forwarder", outside=("internet",), blocked=("viewer",)),
        ),
        Expectation(
            text="The first inner server asks the designated forwarder and nobody else",
            rules=("FWD-07",),
            check=AskedOnly(asker="dns", servers=(DESIGNATED,)),
        ),
        Expectation(
            text="So does the second",
            rules=("FWD-07",),
            check=AskedOnly(asker="dns2", servers=(DESIGNATED,)),
        ),
        Expectation(
            text="What it can resolve locally, an inner server does not forward",
            rules=("FWD-07", "OWN-01"),
            check=AskedNobody(name="intranet.corp.example.com"),
        ),
        Expectation(
            text="The client gets an address from the Internet",
            rules=("FWD-07",),
            check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
        ),
        Expectation(
            text="So does the other inner server's client",
            rules=("FWD-07",),
            check=Answered(asker="viewer2", name="alias.example.com", addresses=("198.51.100.80",)),
        ),
    ),
)
