from lab.judge.checks import NameStaysWithin, Reached, VisitEnds
from lab.scenario.model import Expectation, Play, Scenario, Script, Until, Visit
from lab.viewer.profiles import ProfileName

VIEWERS: tuple[ProfileName, ...] = ("glibc", "musl", "windows", "systemd-resolved", "one-shot")
DNS_AND_BALANCERS = ("192.168.1.53", "192.168.1.10", "10.10.10.100", "10.10.10.101")
SILENT = Script(silent=True)
WELL = Script(answers=("10.10.10.100", "10.10.10.102"))

SCENARIO = Scenario(
    title="Both load balancers are back after a silence",
    story="""Both load balancers were silent, a viewer has tried in vain, and they are well again.
The viewer tries until it is connected. A DNS server that remembers the failure, or holds the load
balancers for dead, goes on saying so for a while: the figure is the time from their return to the
connection.""",
    topology="cluster",
    viewers=VIEWERS,
    needs=("long waits",),
    steps=(
        Play(node="server1", script=SILENT),
        Play(node="server2", script=SILENT),
        Visit(),
        Play(node="server1", script=WELL),
        Play(node="server2", script=WELL),
        Until(answer="connects", every_s=1, deadline_s=300, steps=(Visit(),)),
    ),
    expectations=(
        Expectation(
            text="The viewer is connected again within five minutes",
            rules=("CCH-11", "FLT-05"),
            check=Reached(),
        ),
        Expectation(
            text="The private name goes to the DNS server and the load balancers only",
            rules=("CLU-16", "CND-08"),
            check=NameStaysWithin(addresses=DNS_AND_BALANCERS),
        ),
        Expectation(
            text="Every visit ends within the bound of its profile",
            rules=("VIS-02",),
            check=VisitEnds(),
        ),
    ),
)
