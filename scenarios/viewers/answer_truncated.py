from lab.judge.checks import VisitConnects, VisitFails
from lab.scenario.model import Expectation, Play, Reply, Scenario, Script, Visit
from lab.viewer.profiles import PROFILE_NAMES

CUT = Script(replies=(Reply(transport="udp", truncated=True),), answers=("10.10.10.100",))

SCENARIO = Scenario(
    title="The answer does not fit into a datagram: the viewer asks again over TCP",
    story="""Both DNS servers say that their answer was cut, and have the whole over TCP. Stub
resolvers ask again there. musl before 1.2.4 cannot: it takes the cut answer for the whole, and
for the person there is no such name.""",
    topology="viewers",
    viewers=PROFILE_NAMES,
    steps=(
        Play(node="dns1", program="resolver", script=CUT),
        Play(node="dns2", program="resolver", script=CUT),
        Visit(),
    ),
    expectations=(
        Expectation(
            text="The viewer is connected at once",
            rules=("VIS-06",),
            check=VisitConnects(within_s=0.01, servers=("server1",)),
            viewers=tuple(each for each in PROFILE_NAMES if each != "musl"),
        ),
        Expectation(
            text="musl is told that there is no such name",
            rules=("VIS-02",),
            check=VisitFails(within_s=0.01, reason="no such name"),
            viewers=("musl",),
        ),
    ),
)
