from lab.judge.checks import VisitEnds, VisitFails
from lab.scenario.model import Expectation, Play, Scenario, Script, Visit
from lab.viewer.profiles import PROFILE_NAMES


def all_say(rcode: str, story: str) -> Scenario:
    return Scenario(
        title=f"Both DNS servers say {rcode}: who tells it at once, and who waits",
        story=story,
        topology="viewers",
        viewers=PROFILE_NAMES,
        steps=(
            Play(node="dns1", program="resolver", script=Script(rcode=rcode)),
            Play(node="dns2", program="resolver", script=Script(rcode=rcode)),
            Visit(),
        ),
        expectations=(
            Expectation(
                text="The viewer is told an error at once",
                rules=("VIS-02",),
                check=VisitFails(within_s=0.02, reason="temporary failure in name resolution"),
                viewers=tuple(each for each in PROFILE_NAMES if each != "musl"),
            ),
            Expectation(
                text="musl hopes for a better answer for 5 s",
                rules=("VIS-02",),
                check=VisitFails(
                    after_s=5, within_s=5, reason="temporary failure in name resolution"
                ),
                viewers=("musl",),
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
        """Neither DNS server can reach the load balancers, and both say so. Most viewers have
tried everybody within a moment and show an error. musl asks again at once, twice for each
question and round, and then waits for its time to end.""",
    ),
    "refused": all_say(
        "REFUSED",
        """Neither DNS server serves this network any more. Most viewers have tried everybody
within a moment and show an error. musl does not count a refusal as anything and waits for its
time to end.""",
    ),
}
