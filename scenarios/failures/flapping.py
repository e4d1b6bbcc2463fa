from lab.judge.checks import Answered, Reached, TtlAtMost
from lab.scenario.model import (
    Ask,
    Connect,
    Elapse,
    Expectation,
    Flap,
    Halt,
    Plug,
    Repeat,
    Resume,
    Scenario,
    Unplug,
)

SCENARIOS = {
    "load_balancer": Scenario(
        title="A load balancer's DNS comes and goes: every viewer is served",
        story="""The load balancer program of server 1 ends for 1.3 seconds, runs for 1.7, ends
again, and so on, while viewers ask every 1.1 seconds. Whoever comes while it is away is refused,
and the translator asks server 2: no viewer notices.""",
        topology="cluster-nat",
        steps=(
            Flap(
                breaking=(Halt(node="server1", program="balancer"),),
                mending=(Resume(node="server1", program="balancer"),),
                broken_s=1.3,
                whole_s=1.7,
                times=4,
            ),
            Repeat(times=11, every_s=1.1, steps=(Ask(),)),
            Connect(),
        ),
        expectations=(
            Expectation(
                text="Each question is answered at once, whoever is away",
                rules=("CLU-02", "FLT-05"),
                check=Answered(
                    among=("192.168.1.100", "192.168.1.101", "192.168.1.102"), within_s=0.5
                ),
            ),
            Expectation(
                text="No answer may be kept longer than 2 seconds",
                rules=("CLU-06",),
                check=TtlAtMost(seconds=2),
            ),
            Expectation(text="The viewer reaches its server", rules=("CLU-04",), check=Reached()),
        ),
    ),
    "forwarder_link": Scenario(
        title="The first forwarder's cable has a loose contact",
        story="""Forwarder 1 loses its link for 1.4 seconds, again and again. Questions that come
meanwhile go to forwarder 2 after a timeout; the others are answered at once, by forwarder 1. None
is lost.""",
        topology="forwarders",
        steps=(
            Ask(name="www.example.com"),
            Flap(
                breaking=(Unplug(node="forwarder1"),),
                mending=(Plug(node="forwarder1"),),
                broken_s=1.4,
                whole_s=1.2,
            ),
            Repeat(times=5, every_s=1.9, steps=(Ask(name="ttl0.example.com"), Elapse(seconds=0.1))),
        ),
        expectations=(
            Expectation(
                text="Each question is answered, at the latest by forwarder 2",
                rules=("FWD-02", "FLT-05"),
                check=Answered(name="ttl0.example.com", within_s=1.3),
            ),
        ),
    ),
}
