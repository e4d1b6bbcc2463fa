from lab.judge.checks import VisitAsksInTurn, VisitEnds, VisitFails
from lab.scenario.model import Expectation, Play, Scenario, Script, Visit
from lab.viewer.profiles import PROFILE_NAMES, ProfileName

ERROR_AFTER_S: dict[ProfileName, float] = {
    "glibc": 20,
    "glibc-rotate": 20,
    "glibc-single-request": 20,
    "musl": 5,
    "windows": 10,
    "systemd-resolved": 20,
    "one-shot": 5,
}

SCENARIO = Scenario(
    title="Both DNS servers are silent: how long until the viewer is told",
    story="""Nobody answers. What counts now is the time to the error, for until then the person
sees nothing move. glibc goes round its servers twice, five seconds each; systemd-resolved would
go on for two minutes, but the program in front of it gives up after twenty seconds.""",
    topology="viewers",
    viewers=PROFILE_NAMES,
    slow_for=("glibc", "glibc-rotate", "glibc-single-request", "windows", "systemd-resolved"),
    steps=(
        Play(node="dns1", program="resolver", script=Script(silent=True)),
        Play(node="dns2", program="resolver", script=Script(silent=True)),
        Visit(),
    ),
    expectations=(
        *(
            Expectation(
                text=f"{viewer} is told an error after {seconds:g} s",
                rules=("VIS-02",),
                check=VisitFails(
                    after_s=seconds, within_s=seconds, reason="temporary failure in name resolution"
                ),
                viewers=(viewer,),
            )
            for viewer, seconds in ERROR_AFTER_S.items()
        ),
        Expectation(
            text="That is within the bound of its profile", rules=("VIS-02",), check=VisitEnds()
        ),
        Expectation(
            text="It asks the servers whose turn it is, when it is",
            rules=("VIS-03",),
            check=VisitAsksInTurn(),
        ),
    ),
)
