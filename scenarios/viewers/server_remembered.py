from lab.judge.checks import VisitConnects
from lab.scenario.model import Elapse, Expectation, Play, Scenario, Script, Visit

SCENARIO = Scenario(
    title="The first DNS server stays silent: who remembers that",
    story="""The same viewer comes again a little later, and its first DNS server is still silent.
glibc begins anew in every program, so it waits five seconds each time. systemd-resolved is a
daemon: it has turned to the second server and stays with it, so only the first program waits.""",
    topology="viewers",
    viewers=("glibc", "systemd-resolved"),
    slow_for=("glibc",),
    steps=(
        Play(node="dns1", program="resolver", script=Script(silent=True)),
        Visit(),
        Elapse(seconds=3),
        Visit(),
    ),
    expectations=(
        Expectation(
            text="The first visit waits 5 s for the second server",
            rules=("VIS-01",),
            check=VisitConnects(which=1, after_s=5, within_s=5),
        ),
        Expectation(
            text="glibc waits again",
            rules=("VIS-01",),
            check=VisitConnects(which=2, after_s=5, within_s=5),
            viewers=("glibc",),
        ),
        Expectation(
            text="systemd-resolved does not",
            rules=("VIS-01",),
            check=VisitConnects(which=2, within_s=0.01),
            viewers=("systemd-resolved",),
        ),
    ),
)
