from lab.judge.checks import Answered, AskedNobody, NotAnswered
from lab.scenario.model import Ask, Expectation, Scenario

SCENARIO = Scenario(
    title="The DNS translator serves the cluster's zone and nobody behind it",
    story="""The DNS translator forwards one zone for the viewers' side. It is no open resolver:
other names are refused, and the servers' side gets no DNS service from it.""",
    topology="cluster-nat",
    steps=(
        Ask(name="www.example.net", server="192.168.1.1"),
        Ask(node="server3", server="10.10.10.1", patience_s=1.0),
    ),
    expectations=(
        Expectation(
            text="Another name is refused",
            rules=("SEC-01",),
            check=Answered(name="www.example.net", rcode="REFUSED", count=0),
        ),
        Expectation(
            text="The translator asks nobody for it",
            rules=("SEC-01",),
            check=AskedNobody(asker="translator", name="www.example.net"),
        ),
        Expectation(
            text="A question from the servers' side gets no answer",
            rules=("SEC-07",),
            check=NotAnswered(asker="server3"),
        ),
    ),
)
