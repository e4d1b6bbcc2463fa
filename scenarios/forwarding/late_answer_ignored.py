from lab.judge.checks import Answered, AnsweredOnce, AskedInOrder
from lab.scenario.model import Ask, Elapse, Expectation, Play, Scenario, Script

SCENARIO = Scenario(
    title="A late answer is ignored",
    story="""The first load balancer thinks for longer than the local DNS server waits. By the time
it answers, the second has been asked and the viewer served. The late answer changes nothing: the
viewer gets one reply, and nothing of the late one is kept.""",
    topology="cluster",
    steps=(
        Play(node="server1", script=Script(delay_s=1.5, answers=("10.10.10.199",), ttl_s=60)),
        Ask(),
        Elapse(seconds=1.0),
        Ask(),
    ),
    expectations=(
        Expectation(
            text="The second load balancer is asked after the first stayed silent",
            rules=("FWD-02", "FWD-17"),
            check=AskedInOrder(asker="dns", servers=("10.10.10.100", "10.10.10.101")),
        ),
        Expectation(
            text="The late answer arrives, and the viewer still gets one reply to each question",
            rules=("FWD-18",),
            check=AnsweredOnce(late_from="10.10.10.100"),
        ),
        Expectation(
            text="No answer holds the late one's address",
            rules=("FWD-18",),
            check=Answered(among=("10.10.10.100", "10.10.10.101", "10.10.10.102")),
        ),
    ),
)
