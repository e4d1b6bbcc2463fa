from lab.judge.checks import VisitConnects, VisitFails
from lab.scenario.model import (
    Expectation,
    Halt,
    Impair,
    Impairment,
    Play,
    Scenario,
    Script,
    Step,
    Visit,
)
from lab.viewer.profiles import PROFILE_NAMES, ProfileName

# rotate begins with a server that is drawn: it may never see the one that fails.
SEVERAL: tuple[ProfileName, ...] = (
    "glibc",
    "glibc-rotate",
    "glibc-single-request",
    "musl",
    "windows",
    "systemd-resolved",
)
IN_ORDER = tuple(each for each in PROFILE_NAMES if each != "glibc-rotate")


def says(rcode: str) -> Step:
    return Play(node="dns1", program="resolver", script=Script(rcode=rcode))


def goes_on(title: str, story: str, broken: Step) -> Scenario:
    return Scenario(
        title=title,
        story=story,
        topology="viewers",
        viewers=PROFILE_NAMES,
        steps=(broken, Visit()),
        expectations=(
            Expectation(
                text="The viewer is connected at once, by way of the second server",
                rules=("VIS-01", "VIS-04"),
                check=VisitConnects(within_s=0.01),
                viewers=SEVERAL,
            ),
            Expectation(
                text="What asks one server is told an error at once",
                rules=("VIS-02",),
                check=VisitFails(within_s=0.01, reason="temporary failure in name resolution"),
                viewers=("one-shot",),
            ),
        ),
    )


SCENARIOS = {
    "servfail": goes_on(
        "The first DNS server says SERVFAIL: the viewer asks the second",
        """The first DNS server cannot reach anybody and says so. A stub resolver takes that for no
answer and turns to the second server without waiting. musl has asked both anyway.""",
        says("SERVFAIL"),
    ),
    "refused": goes_on(
        "The first DNS server says REFUSED: the viewer asks the second",
        """The first DNS server no longer serves this network. For a stub resolver that is no
answer to its question, so it turns to the second server without waiting.""",
        says("REFUSED"),
    ),
    "closed": goes_on(
        "The first DNS server's port is closed: the viewer asks the second",
        """The DNS program has ended, so its machine says "port unreachable". A stub resolver with
a connected socket hears that and goes on at once; musl's socket is connected to nobody and hears
nothing, but it has asked both servers anyway.""",
        Halt(node="dns1", program="resolver"),
    ),
    "nxdomain": Scenario(
        title="The first DNS server says NXDOMAIN: that is the end of it",
        story="""The first DNS server has lost the forwarding of the zone and says that the name
does not exist. A name error is an answer: nobody asks the second server, which would know better,
and every viewer sees an error at once. musl asks both and takes the first answer; here the second
server is far away, so it takes the wrong one.""",
        topology="viewers",
        viewers=IN_ORDER,
        steps=(
            Impair(node="dns2", direction="out", impairment=Impairment(delay_ms=200)),
            says("NXDOMAIN"),
            Visit(),
        ),
        expectations=(
            Expectation(
                text="The viewer is told at once that there is no such name",
                rules=("VIS-02", "VIS-04"),
                check=VisitFails(within_s=0.01, reason="no such name"),
            ),
        ),
    ),
}
