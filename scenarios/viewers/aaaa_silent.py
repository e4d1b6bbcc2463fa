from lab.judge.checks import VisitConnects, VisitEnds, VisitFails
from lab.scenario.model import Expectation, Play, Reply, Scenario, Script, Visit
from lab.viewer.profiles import PROFILE_NAMES, ProfileName

ONLY_A = Script(replies=(Reply(qtype="AAAA", silent=True),), answers=("10.10.10.100",))

CONNECTED_AFTER_S: dict[ProfileName, float] = {
    "glibc": 15,
    "glibc-rotate": 15,
    "glibc-single-request": 10,
    "windows": 10,
    "systemd-resolved": 15,
    "one-shot": 0,
}

SCENARIO = Scenario(
    title="Questions for AAAA are dropped: the address is there, and viewers wait",
    story="""Some firewalls and old servers let questions for IPv6 addresses vanish. The IPv4
address arrives at once, and yet most viewers wait for the answer that never comes: glibc asks
thrice, in three ways; musl even throws the address away that it has.""",
    topology="viewers",
    viewers=PROFILE_NAMES,
    slow_for=("glibc", "glibc-rotate", "glibc-single-request", "windows", "systemd-resolved"),
    steps=(
        Play(node="dns1", program="resolver", script=ONLY_A),
        Play(node="dns2", program="resolver", script=ONLY_A),
        Visit(),
    ),
    expectations=(
        *(
            Expectation(
                text=f"{viewer} is connected after {seconds:g} s",
                rules=("VIS-02",),
                check=VisitConnects(after_s=seconds, within_s=seconds, servers=("server1",)),
                viewers=(viewer,),
            )
            for viewer, seconds in CONNECTED_AFTER_S.items()
        ),
        Expectation(
            text="musl is told an error after 5 s",
            rules=("VIS-02",),
            check=VisitFails(after_s=5, within_s=5, reason="temporary failure in name resolution"),
            viewers=("musl",),
        ),
        Expectation(
            text="That is within the bound of its profile", rules=("VIS-02",), check=VisitEnds()
        ),
    ),
)
