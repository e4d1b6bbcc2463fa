from lab.judge.checks import NameStaysWithin, VisitConnects, VisitEnds
from lab.scenario.model import Expectation, Play, Scenario, Script, Visit
from lab.viewer.profiles import ProfileName

VIEWERS: tuple[ProfileName, ...] = ("glibc", "musl", "windows", "systemd-resolved", "one-shot")
DNS_AND_BALANCERS = ("192.168.1.53", "192.168.1.10", "10.10.10.100", "10.10.10.101")


def slow(seconds: float) -> Scenario:
    script = Script(delay_s=seconds, answers=("10.10.10.100", "10.10.10.102"))
    in_time = Expectation(
        text="The viewer is connected: nobody is that impatient",
        rules=("CLU-04",),
        check=VisitConnects(within_s=10),
    )
    return Scenario(
        title=f"Both load balancers take {seconds} s to answer",
        story=f"""The load balancers are busy and think for {seconds} s. A DNS server that waits
less has asked again or elsewhere by then, which makes them no faster; whether it still takes the
answer when it comes decides what the viewer gets.""",
        topology="cluster",
        viewers=VIEWERS,
        needs=("long waits",),
        steps=(
            Play(node="server1", script=script),
            Play(node="server2", script=script),
            Visit(),
        ),
        expectations=(
            # The topology has the DNS server wait a second for each.
            *((in_time,) if seconds < 1 else ()),
            Expectation(
                text="The private name goes to the DNS server and the load balancers only",
                rules=("CND-08",),
                check=NameStaysWithin(addresses=DNS_AND_BALANCERS),
            ),
            Expectation(
                text="The visit ends within the bound of the viewer's profile",
                rules=("VIS-02",),
                check=VisitEnds(),
            ),
        ),
    )


SCENARIOS = {"half_a_second": slow(0.5), "1.3_s": slow(1.3), "1.7_s": slow(1.7)}
