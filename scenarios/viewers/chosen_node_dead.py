from lab.judge.checks import VisitConnects, VisitEnds, VisitFails
from lab.scenario.disturbances import Impair
from lab.scenario.impairments import Impairment
from lab.scenario.model import Expectation, Halt, Play, Scenario, Script, Step, Visit
from lab.viewer.profiles import PROFILE_NAMES

WINDOWS, OTHERS = ("windows",), tuple(each for each in PROFILE_NAMES if each != "windows")


def told(*addresses: str) -> tuple[Step, ...]:
    """Both DNS servers give this answer, in this order."""
    script = Script(answers=addresses)
    return tuple(Play(node=node, program="resolver", script=script) for node in ("dns1", "dns2"))


SCENARIOS = {
    "refused": Scenario(
        title="The chosen node refuses: the viewer takes the next address",
        story="""The viewer is told two addresses. On the first machine the service has ended since
then, so the connection is refused, and the viewer dials the second address at once.""",
        topology="viewers",
        viewers=PROFILE_NAMES,
        steps=(
            *told("10.10.10.102", "10.10.10.100"),
            Halt(node="server3", program="service"),
            Visit(),
        ),
        expectations=(
            Expectation(
                text="The viewer is connected with the second address at once",
                rules=("VIS-05",),
                check=VisitConnects(within_s=0.01, servers=("server1",)),
            ),
        ),
    ),
    "refused_without_another": Scenario(
        title="The chosen node refuses and was the only one: the viewer sees an error",
        story="""A DNS server that hands out one address ("the DNS server selects one") leaves the
viewer nothing to turn to: the connection is refused, and that is what the person sees.""",
        topology="viewers",
        viewers=PROFILE_NAMES,
        steps=(
            *told("10.10.10.102"),
            Halt(node="server3", program="service"),
            Visit(),
        ),
        expectations=(
            Expectation(
                text="The viewer is told at once that the connection was refused",
                rules=("VIS-02", "VIS-05"),
                check=VisitFails(within_s=0.01, reason="connection refused"),
            ),
        ),
    ),
    "silent": Scenario(
        title="The chosen node is silent: the viewer dials it for two minutes",
        story="""Since it was handed out, nothing that is sent to the first machine arrives: a
firewall drops it. Nothing refuses the connection, so the viewer's kernel repeats its SYN until it
gives up: on Linux after 127 s, on Windows after 21 s. Only then comes the second address. This is
why a load balancer must notice quickly. (Of a machine on the viewer's own network that lost power,
its kernel would know after three seconds: nobody answers its ARP.)""",
        topology="viewers",
        viewers=PROFILE_NAMES,
        needs=("long waits",),
        steps=(
            *told("10.10.10.102", "10.10.10.100"),
            Impair(node="server3", direction="in", impairment=Impairment(lose_percent=100)),
            Visit(),
        ),
        expectations=(
            Expectation(
                text="On Linux the viewer is connected with the second address after 127 s",
                rules=("VIS-05",),
                check=VisitConnects(after_s=127, within_s=127.01, servers=("server1",)),
                viewers=OTHERS,
            ),
            Expectation(
                text="On Windows after 21 s",
                rules=("VIS-05",),
                check=VisitConnects(after_s=21, within_s=21.01, servers=("server1",)),
                viewers=WINDOWS,
            ),
            Expectation(
                text="That is within the bound of its profile",
                rules=("VIS-02",),
                check=VisitEnds(),
            ),
        ),
    ),
}
