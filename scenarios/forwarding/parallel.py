from lab.judge.checks import Answered, AnsweredOnce, AskedTogether, FirstPositiveWins
from lab.scenario.model import Ask, Elapse, Expectation, Play, Reply, Scenario, Script, Step

SERVERS = ("203.0.113.101", "203.0.113.102", "203.0.113.103")
NAME = "www.example.com"
FAST, SLOW = "198.51.100.1", "198.51.100.2"

SILENT = Script(silent=True)


def after(delay_s: float, address: str) -> Script:
    return Script(replies=(Reply(delay_s=delay_s, answer=(f"@ 60 IN A {address}",)),))


def denied_after(delay_s: float) -> Script:
    return Script(rcode="NXDOMAIN", delay_s=delay_s)


# Long enough that all three questions are on their way before, short enough to be the first.
NOT_THERE = denied_after(0.05)


def three(
    title: str, story: str, scripts: tuple[Script, ...], *expected: Expectation, topology: str
) -> Scenario:
    """Each forwarder plays its part, and a client asks once."""
    parts: tuple[Step, ...] = tuple(
        Play(node=f"forwarder{number}", program="resolver", script=script)
        for number, script in enumerate(scripts, start=1)
    )
    return Scenario(
        title=title,
        story=story,
        topology=topology,
        steps=(*parts, Ask(name=NAME), Elapse(seconds=1.0)),
        violates=("FWD-23",) if topology == "forwarders" else (),
        expectations=(
            Expectation(
                text="All three are asked, each once, before any has replied",
                rules=("FWD-23",),
                check=AskedTogether(servers=SERVERS, name=NAME),
            ),
            Expectation(
                text="The first answer with data is given at once, a denial not too soon",
                rules=("FWD-23",),
                check=FirstPositiveWins(servers=SERVERS, name=NAME, timeout_s=1.0),
            ),
            *expected,
        ),
    )


def given(text: str, **answer: object) -> Expectation:
    return Expectation(
        text=text, rules=("FWD-23",), check=Answered.model_validate({"name": NAME, **answer})
    )


SCENARIOS = {
    "first_answer_wins": three(
        "Asked at once: the fastest answer with data wins",
        """Some home gateways ask all their servers at once (TR-124, LAN.DNS.3), so that the client
waits for the fastest and not for the first. Here the third answers after a tenth of a second, the
first after three; the second never does.""",
        (after(0.3, SLOW), SILENT, after(0.1, FAST)),
        given("The client has the fastest answer", addresses=(FAST,), within_s=0.1),
        Expectation(
            text="The slower answer comes later and changes nothing",
            rules=("FWD-18",),
            check=AnsweredOnce(name=NAME, late_from=SERVERS[0]),
        ),
        topology="forwarders-parallel",
    ),
    "denial_waits": three(
        "Asked at once: a denial is held back until somebody knows better",
        """The first forwarder says soon that there is no such name: perhaps it is outside, and
the name is known inside alone. The second knows it, and takes half a second. Whoever believed the
first would break the name for the client.""",
        (NOT_THERE, after(0.5, FAST), SILENT),
        given("The client has the answer of the second", addresses=(FAST,), within_s=0.5),
        topology="forwarders-parallel",
    ),
    "all_deny": three(
        "Asked at once: when all have denied, the client is told",
        """No forwarder knows the name. The client is told so when the last one has said it, and
need not wait for a timeout.""",
        (NOT_THERE, denied_after(0.2), denied_after(0.4)),
        given("NXDOMAIN, when the third has said so", rcode="NXDOMAIN", count=0, within_s=0.4),
        topology="forwarders-parallel",
    ),
    "denied_and_silent": three(
        "Asked at once: a denial is believed when the silent have been waited for",
        """One forwarder denies the name, the others are dead. They might have known it, so they
are waited for, a second; then the denial is all there is.""",
        (SILENT, NOT_THERE, SILENT),
        given("NXDOMAIN after the timeout", rcode="NXDOMAIN", count=0, within_s=1.0),
        topology="forwarders-parallel",
    ),
    "in_turn": three(
        "Asked in turn where it should be at once: the denial is believed",
        """The same forwarders, asked in the order of their list by a server that takes the first
denial for the truth.""",
        (NOT_THERE, after(0.5, FAST), SILENT),
        topology="forwarders",
    ),
}
