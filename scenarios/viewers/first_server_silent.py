from lab.judge.checks import VisitAsksInTurn, VisitConnects, VisitFails
from lab.scenario.model import Expectation, Play, Scenario, Script, Visit
from lab.viewer.profiles import PROFILE_NAMES, ProfileName

SECOND_SERVER_AFTER_S: dict[ProfileName, tuple[float, float]] = {
    "glibc": (5, 5),
    "glibc-rotate": (0, 5),  # where it begins is drawn
    "glibc-single-request": (5, 5),
    "musl": (0, 0.01),
    "windows": (1, 1),
    "systemd-resolved": (5, 5),
}
"""Not before, and not after."""

SCENARIO = Scenario(
    title="The first DNS server is silent: who waits how long for the second",
    story="""The DNS program of the first server hangs: the machine lives, and nothing comes back.
Every viewer has a second server in its settings and gets there, but when is up to its stub
resolver: musl asks both at once and notices nothing, Windows turns after a second, glibc after
five. What asks one server once sees an error.""",
    topology="viewers",
    viewers=PROFILE_NAMES,
    steps=(Play(node="dns1", program="resolver", script=Script(silent=True)), Visit()),
    expectations=(
        *(
            Expectation(
                text=f"{viewer} is connected by way of the second server after {latest:g} s"
                if earliest
                else f"{viewer} is connected within {latest:g} s",
                rules=("VIS-01", "VIS-02"),
                check=VisitConnects(after_s=earliest, within_s=latest),
                viewers=(viewer,),
            )
            for viewer, (earliest, latest) in SECOND_SERVER_AFTER_S.items()
        ),
        Expectation(
            text="What asks once is told an error after 5 s",
            rules=("VIS-02",),
            check=VisitFails(after_s=5, within_s=5, reason="temporary failure in name resolution"),
            viewers=("one-shot",),
        ),
        Expectation(
            text="It asks the servers whose turn it is, when it is",
            rules=("VIS-03",),
            check=VisitAsksInTurn(),
        ),
    ),
)
