from lab.judge.checks import NameStaysWithin, VisitEnds, VisitFails
from lab.scenario.model import Expectation, Play, Scenario, Script, Visit
from lab.viewer.profiles import ProfileName

VIEWERS: tuple[ProfileName, ...] = ("glibc", "musl", "windows", "systemd-resolved", "one-shot")
DNS_AND_BALANCERS = ("192.168.1.53", "192.168.1.10", "10.10.10.100", "10.10.10.101")


def all_say(rcode: str, story: str) -> Scenario:
    return Scenario(
        title=f"Both load balancers say {rcode}",
        story=story,
        topology="cluster",
        viewers=VIEWERS,
        needs=("long waits",),
        steps=(
            Play(node="server1", script=Script(rcode=rcode)),
            Play(node="server2", script=Script(rcode=rcode)),
            Visit(),
        ),
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
    )


SCENARIOS = {
    "servfail": all_say(
        "SERVFAIL",
        """The load balancers are there and cannot say which servers are available. An error that
comes at once should reach the viewer at once; a DNS server that asks again and again in the hope of
a better answer makes it wait.""",
    ),
    "refused": all_say(
        "REFUSED",
        """The load balancers no longer answer this DNS server: somebody changed their access list.
An error that comes at once should reach the viewer at once.""",
    ),
}
