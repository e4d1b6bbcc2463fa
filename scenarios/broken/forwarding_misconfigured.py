from lab.judge.checks import (
    Answered,
    AskedInOrder,
    AskedOnly,
    DeadlineKept,
    FailsBack,
    NextAskedAfterTimeout,
    NextOnRcodes,
    RecursionAfterForwarders,
)
from lab.scenario.model import (
    Ask,
    Expectation,
    FallBackToRecursion,
    GoOnAfter,
    Halt,
    Misconfigure,
    MistypeTimeout,
    Play,
    Reconfigure,
    Reply,
    Resume,
    Scenario,
    Script,
    SetForward,
    Step,
    TurnForwardersRound,
)

FIRST, SECOND, THIRD = "203.0.113.101", "203.0.113.102", "203.0.113.103"
WWW = "www.example.com"


def silent(*numbers: int) -> tuple[Step, ...]:
    return tuple(
        Play(node=f"forwarder{number}", program="resolver", script=Script(silent=True))
        for number in numbers
    )


SCENARIOS = {
    "list_turned_round": Scenario(
        title="Broken on purpose: the forwarders are listed the wrong way round",
        story="""Somebody entered the list from the bottom up. The last forwarder is asked first.
Everything works, and nobody would notice but the judge.""",
        topology="forwarders",
        steps=(Misconfigure(fault=TurnForwardersRound()), Ask(name=WWW)),
        expectations=(
            Expectation(
                text="The first forwarder of the plan is asked",
                rules=("FWD-01",),
                check=AskedInOrder(servers=(FIRST,)),
            ),
            Expectation(
                text="The client gets the address all the same",
                rules=("FWD-06",),
                check=Answered(name=WWW, addresses=("198.51.100.80",)),
            ),
        ),
        violates=("FWD-01",),
    ),
    "impatient": Scenario(
        title="Broken on purpose: the timeout is a third of what was meant",
        story="""The timeout should be one second, and somebody typed 0.3. A silent forwarder is
given up too early.""",
        topology="forwarders",
        steps=(Misconfigure(fault=MistypeTimeout(timeout_s=0.3)), *silent(1), Ask(name=WWW)),
        expectations=(
            Expectation(
                text="The second is asked one second after the first",
                rules=("FWD-02",),
                check=NextAskedAfterTimeout(timeout_s=1.0),
            ),
            Expectation(
                text="The forwarders are asked in order",
                rules=("FWD-01", "FWD-03"),
                check=AskedInOrder(servers=(FIRST, SECOND)),
            ),
        ),
        violates=("FWD-02",),
    ),
    "too_patient": Scenario(
        title="Broken on purpose: the timeout is longer than the client waits",
        story="""The timeout should be one second, and somebody typed 3. The client, which waits
for two, gets nothing from a server with one dead forwarder.""",
        topology="forwarders",
        steps=(
            Misconfigure(fault=MistypeTimeout(timeout_s=3.0)),
            Ask(name="n1.example.com"),
            *silent(1),
            Ask(name=WWW),
        ),
        expectations=(
            Expectation(
                text="With one dead forwarder a response comes within two seconds",
                rules=("FWD-24",),
                check=DeadlineKept(deadline_s=2.0, dead=1),
            ),
        ),
        violates=("FWD-24",),
    ),
    "nxdomain_is_no_answer": Scenario(
        title="Broken on purpose: NXDOMAIN sends the question to the next forwarder",
        story="""Somebody took "affirmative answer" literally. A name that does not exist is looked
for at every forwarder in turn, and one that knows better, or lies, has the last word.""",
        topology="forwarders",
        steps=(
            Misconfigure(fault=GoOnAfter(rcodes=("NXDOMAIN",))),
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(name="a.example.com", rcode="NXDOMAIN", authoritative=False),
                        Reply(name="b.example.com", rcode="NXDOMAIN"),
                    )
                ),
            ),
            Ask(name="a.example.com"),
            Ask(name="b.example.com"),
        ),
        expectations=(
            Expectation(
                text="NXDOMAIN from the first forwarder ends the search",
                rules=("FWD-06", "FWD-10"),
                check=AskedInOrder(servers=(FIRST,), which="all", times=2),
            ),
            Expectation(
                text="Failover happens after the profile's RCODEs only",
                rules=("FWD-09", "FWD-10"),
                check=NextOnRcodes(next_on=("SERVFAIL", "NOTIMP", "REFUSED"), seen=("NXDOMAIN",)),
            ),
        ),
        violates=("FWD-06", "FWD-09", "FWD-10"),
    ),
    "falls_back": Scenario(
        title="Broken on purpose: the server recurses although the fall-back is meant to be off",
        story="""A box was left ticked: "use root hints if no forwarders are available". The global
forwarder is silent, and the server begins at the root, which it was never to ask.""",
        topology="conditional",
        steps=(
            Misconfigure(fault=FallBackToRecursion()),
            Play(node="forwarder", program="resolver", script=Script(silent=True)),
            Ask(name=WWW),
        ),
        expectations=(
            Expectation(
                text="Nobody but the forwarder is asked",
                rules=("FWD-13",),
                check=AskedOnly(servers=("203.0.113.100",)),
            ),
            Expectation(
                text="The client is told SERVFAIL",
                rules=("FWD-13",),
                check=Answered(name=WWW, rcode="SERVFAIL", count=0),
            ),
        ),
        violates=("FWD-13",),
    ),
    "recursion_too_early": Scenario(
        title="Broken on purpose: recursion begins before the forwarders had their time",
        story="""The fall-back is on, and the timeout, one second by the plan, is a fifth of that.
The root is asked when the last forwarder might still have answered.""",
        topology="forwarders-recursion",
        steps=(Misconfigure(fault=MistypeTimeout(timeout_s=0.2)), *silent(1, 2, 3), Ask(name=WWW)),
        expectations=(
            Expectation(
                text="Recursion begins one second after the last forwarder was asked",
                rules=("FWD-14",),
                check=RecursionAfterForwarders(forwarders=(FIRST, SECOND, THIRD), timeout_s=1.0),
            ),
        ),
        violates=("FWD-14",),
    ),
    "stand_in_stays": Scenario(
        title="Broken on purpose: the stand-in stays first after the first has returned",
        story="""While the first forwarder was down, somebody moved the second to the top of the
list, and forgot to move it back. The first returns and is not asked any more.""",
        topology="forwarders",
        steps=(
            Ask(name="n0.example.com"),
            Halt(node="forwarder1"),
            Ask(name="n1.example.com"),
            Reconfigure(
                node="dns",
                changes=(SetForward(zone=".", servers=(SECOND, FIRST, THIRD), timeout_s=1.0),),
            ),
            Resume(node="forwarder1"),
            Ask(name="n2.example.com"),
        ),
        expectations=(
            Expectation(
                text="After its return the first forwarder is first again",
                rules=("FWD-05",),
                check=FailsBack(server=FIRST),
            ),
        ),
        violates=("FWD-05",),
    ),
}
