from lab.judge.checks import VisitConnects
from lab.scenario.model import Expectation, Play, Scenario, Script, Visit
from lab.viewer.profiles import PROFILE_NAMES

SCENARIO = Scenario(
    title="The first load balancer is silent: every viewer waits for its DNS server's timeout",
    story="""The DNS servers forward to the load balancers and wait a second for the first, which
is silent. That is shorter than most stub resolvers wait, so the viewer gets its answer from the
server that it asked. With single-request it waits twice, once for A and once for AAAA. Windows
turns to its second DNS server meanwhile, which waits for the same load balancer.""",
    topology="viewers",
    viewers=PROFILE_NAMES,
    steps=(Play(node="server1", script=Script(silent=True)), Visit()),
    expectations=(
        Expectation(
            text="The viewer is connected after one timeout of its DNS server",
            rules=("VIS-02",),
            check=VisitConnects(after_s=1, within_s=1),
            viewers=tuple(each for each in PROFILE_NAMES if each != "glibc-single-request"),
        ),
        Expectation(
            text="With single-request it is connected after two",
            rules=("VIS-02",),
            check=VisitConnects(after_s=2, within_s=2),
            viewers=("glibc-single-request",),
        ),
    ),
)
