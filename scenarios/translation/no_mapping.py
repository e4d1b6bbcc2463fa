from lab.judge.checks import NeverConnected, NotTranslated
from lab.scenario.model import Ask, Connect, Expectation, Scenario

SCENARIO = Scenario(
    title="A LAN address without a mapping leads to no server",
    story="""The table is the whole mapping. The address behind the last server's alias belongs to
nobody: who dials it gets no answer at all. The translator's own address is its own: it refuses what
is not for itself, and no server hears of it.""",
    topology="cluster-nat",
    steps=(
        Ask(),
        Connect(to="192.168.1.103", patience_s=1.0),
        Connect(to="192.168.1.1", patience_s=1.0),
    ),
    expectations=(
        Expectation(
            text="What is sent to the translator's own address goes no further",
            rules=("NAT-04",),
            check=NotTranslated(address="192.168.1.1"),
        ),
        Expectation(
            text="The viewer is connected with nobody",
            rules=("NAT-04",),
            check=NeverConnected(),
        ),
    ),
)
