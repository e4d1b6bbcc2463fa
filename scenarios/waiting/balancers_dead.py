from lab.judge.checks import NameStaysWithin, VisitConnects, VisitEnds, VisitFails
from lab.scenario.model import Elapse, Expectation, Halt, Scenario, Visit
from lab.viewer.profiles import ProfileName

VIEWERS: tuple[ProfileName, ...] = ("glibc", "musl", "windows", "systemd-resolved", "one-shot")
DNS_AND_BALANCERS = ("192.168.1.53", "192.168.1.10", "10.10.10.100", "10.10.10.101")

SCENARIOS = {
    "first": Scenario(
        title="The first load balancer is dead",
        story="""The first of the two load balancers has lost power, and the second one has noticed.
How long the viewer waits is how long its DNS server hopes for an answer before it asks the second
one.""",
        topology="cluster",
        viewers=VIEWERS,
        needs=("long waits",),
        steps=(Halt(node="server1"), Elapse(seconds=4), Visit()),
        expectations=(
            Expectation(
                text="The viewer is connected by way of the second load balancer",
                rules=("CLU-02",),
                check=VisitConnects(within_s=10),
            ),
            Expectation(
                text="That is within the bound of its profile",
                rules=("VIS-02",),
                check=VisitEnds(),
            ),
        ),
    ),
    "both": Scenario(
        title="Both load balancers are dead",
        story="""Nobody is left who knows which servers are available. The viewer must be told an
error, the sooner the better, and never that the name does not exist: that would be remembered.""",
        topology="cluster",
        viewers=VIEWERS,
        needs=("long waits",),
        steps=(Halt(node="server1"), Halt(node="server2"), Elapse(seconds=4), Visit()),
        expectations=(
            Expectation(
                text="The viewer is told of a failure, and not that there is no such name",
                rules=("CLU-16",),
                check=VisitFails(within_s=60, reason="temporary failure in name resolution"),
            ),
            Expectation(
                text="The private name goes to the DNS server and the load balancers only",
                rules=("CLU-16", "CND-08"),
                check=NameStaysWithin(addresses=DNS_AND_BALANCERS),
            ),
            Expectation(
                text="That is within the bound of its profile",
                rules=("VIS-02",),
                check=VisitEnds(),
            ),
        ),
    ),
}
