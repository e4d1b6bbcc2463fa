from lab.judge.checks import (
    Answered,
    AskedInOrder,
    NothingSent,
    QuestionsBounded,
    RecursionAfterForwarders,
    RecursionDesired,
)
from lab.scenario.model import Ask, Expectation, Play, Scenario, Script

FORWARDERS = ("203.0.113.101", "203.0.113.102", "203.0.113.103")
ROOT, COM, NET = "203.0.113.10", "203.0.113.20", "203.0.113.21"
EXAMPLE, EXNET = "203.0.113.40", "203.0.113.41"


def all_silent() -> tuple[Play, ...]:
    return tuple(
        Play(node=f"forwarder{each}", program="resolver", script=Script(silent=True))
        for each in (1, 2, 3)
    )


SCENARIOS = {
    "after_the_last": Scenario(
        title="With the fall-back on, recursion begins after the last forwarder's timeout",
        story="""All three forwarders are silent, and the DNS server may use root hints then. It
waits for the first, the second and the third; only when the third one's timeout is over does it
turn to the root server and resolve the name itself. Asking a forwarder and asking iteratively can
be told apart in each packet: the first asks for recursion (RD=1), the second does not.""",
        topology="forwarders-recursion",
        steps=(*all_silent(), Ask(name="www.example.com")),
        expectations=(
            Expectation(
                text="First the forwarders, in order; the root server after the last timeout",
                rules=("FWD-14",),
                check=RecursionAfterForwarders(forwarders=FORWARDERS, timeout_s=1.0),
            ),
            Expectation(
                text="Questions to forwarders carry RD=1, those of its own recursion RD=0",
                rules=("CND-15",),
                check=RecursionDesired(forwarding_to=FORWARDERS, iterating_at=(ROOT, COM, EXAMPLE)),
            ),
            Expectation(
                text="The client gets the address after three timeouts",
                rules=("FWD-14",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",), within_s=3.0),
            ),
        ),
    ),
    "not_before": Scenario(
        title="With a forwarder that works, nobody recurses, though it is allowed",
        story="""The first two forwarders are silent, the third answers. The fall-back is on and is
not needed: no packet goes to the root server or to any authoritative server.""",
        topology="forwarders-recursion",
        steps=(*all_silent()[:2], Ask(name="www.example.com")),
        expectations=(
            Expectation(
                text="The forwarders are asked in order until the third answers",
                rules=("FWD-03",),
                check=AskedInOrder(servers=FORWARDERS),
            ),
            Expectation(
                text="No packet goes to the root server or another server of the Internet",
                rules=("REC-01", "FWD-14"),
                check=NothingSent(node="dns", to=(ROOT, COM, NET, EXAMPLE, EXNET)),
            ),
        ),
    ),
    "everything_silent": Scenario(
        title="Forwarders and Internet are all silent: the work is bounded, and the client is told",
        story="""Nobody answers: neither the forwarders nor the root server. The question costs
three timeouts, and a few tries at the root server; then the client is told. What one client's
question may cost is bounded, and no server is asked the same more than three times.""",
        topology="forwarders-recursion",
        steps=(
            *all_silent(),
            Play(node="root", program="authority", script=Script(silent=True)),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="The questions are bounded, and each repetition waits longer",
                rules=("FWD-15", "FWD-16"),
                check=QuestionsBounded(at_most=6),
            ),
            Expectation(
                text="Recursion starts after the last forwarder all the same",
                rules=("FWD-15",),
                check=AskedInOrder(servers=(*FORWARDERS,), name="www.example.com"),
            ),
            Expectation(
                text="The client is told SERVFAIL within ten seconds",
                rules=("FWD-15",),
                check=Answered(name="www.example.com", rcode="SERVFAIL", count=0, within_s=10.0),
            ),
        ),
    ),
}
