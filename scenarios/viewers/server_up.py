from lab.judge.checks import VisitAsksInTurn, VisitConnects
from lab.scenario.model import Expectation, Scenario, Visit
from lab.viewer.profiles import PROFILE_NAMES

SCENARIO = Scenario(
    title="Everything is up: each viewer is connected at once",
    story="""Viewers with different operating systems look up the same name and connect. As long as
the first DNS server answers, nobody notices a difference but on the wire: some ask for A and AAAA
at once, one waits for A before it asks for AAAA, and musl asks both servers at the same time.""",
    topology="viewers",
    viewers=PROFILE_NAMES,
    steps=(Visit(), Visit()),
    expectations=(
        Expectation(
            text="The viewer is connected at once, both times",
            rules=("VIS-01", "VIS-02"),
            check=VisitConnects(within_s=0.01, servers=("server1", "server2", "server3")),
        ),
        Expectation(
            text="It asks the servers whose turn it is, when it is",
            rules=("VIS-03",),
            check=VisitAsksInTurn(),
        ),
    ),
)
