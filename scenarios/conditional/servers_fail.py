from lab.judge.checks import (
    Answered,
    AskedInOrder,
    AskedOnly,
    NameStaysWithin,
    NextAskedAfterTimeout,
    NothingSent,
)
from lab.scenario.model import Ask, Expectation, Halt, Play, Scenario, Script, Step

FIRST, SECOND, CORP = "10.20.0.11", "10.20.0.12", "10.20.0.15"
FORWARDER, INTERNET = "203.0.113.100", "203.0.113.0/24"
VIEWER, DNS = "192.168.1.10", "192.168.1.53"
WWW, INTRANET = "www.tailspintoys.com", "intranet.corp.internal"


def silent(*nodes: str) -> tuple[Step, ...]:
    return tuple(Play(node=node, program="authority", script=Script(silent=True)) for node in nodes)


def private_name(title: str, story: str, rcode: str, *before: Step) -> Scenario:
    return Scenario(
        title=title,
        story=story,
        topology="conditional",
        steps=(*before, Ask(name=INTRANET), Ask(name=f"missing.{INTRANET}")),
        expectations=(
            Expectation(
                text="The private name stands in no packet but to the client and its own server",
                rules=("CND-08",),
                check=NameStaysWithin(name="corp.internal", addresses=(VIEWER, DNS, CORP)),
            ),
            Expectation(
                text="No packet goes to the Internet or to the global forwarder",
                rules=("CND-08", "CND-07"),
                check=NothingSent(node="dns", to=(INTERNET,)),
            ),
            Expectation(
                text=f"The client is told {rcode}",
                rules=("CND-08",),
                check=Answered(name=INTRANET, rcode=rcode),
            ),
        ),
    )


SCENARIOS = {
    "first_silent": Scenario(
        title="The servers of a condition are tried in order, with the condition's own timeout",
        story="""tailspintoys.com has two servers and a timeout of half a second, where the global
forwarder has two seconds. The first server is silent: after half a second the second is asked, and
its answer counts.""",
        topology="conditional",
        steps=(*silent("tailspin1"), Ask(name=WWW)),
        expectations=(
            Expectation(
                text="The first, then the second",
                rules=("CND-04",),
                check=AskedInOrder(servers=(FIRST, SECOND), name=WWW),
            ),
            Expectation(
                text="The second is asked after half a second, the condition's timeout",
                rules=("CND-04",),
                check=NextAskedAfterTimeout(timeout_s=0.5, name=WWW),
            ),
            Expectation(
                text="The client gets the second one's answer",
                rules=("CND-04",),
                check=Answered(name=WWW, addresses=("198.51.100.12",), within_s=0.5),
            ),
        ),
    ),
    "all_silent": Scenario(
        title="All servers of the longest condition fail: nobody else is asked in their place",
        story="""Both servers of tailspintoys.com are silent. The global forwarder would find an
answer, the Internet's tailspintoys.com, and it would be the wrong one: inside and outside, the
name means different things. One condition is used, the longest; when its servers fail, the
question has failed.""",
        topology="conditional",
        steps=(*silent("tailspin1", "tailspin2"), Ask(name=WWW)),
        expectations=(
            Expectation(
                text="Both servers are asked, in order, each once",
                rules=("CND-04", "CND-07"),
                check=AskedInOrder(servers=(FIRST, SECOND), name=WWW),
            ),
            Expectation(
                text="No packet goes to the global forwarder or to the Internet",
                rules=("CND-07", "CND-08"),
                check=NothingSent(node="dns", to=(FORWARDER, INTERNET)),
            ),
            Expectation(
                text="The client is told SERVFAIL after two of the condition's timeouts",
                rules=("CND-07",),
                check=Answered(name=WWW, rcode="SERVFAIL", count=0, within_s=1.0),
            ),
        ),
    ),
    "longest_silent": Scenario(
        title="The longest condition's server fails: the shorter condition does not stand in",
        story="""The server of widgets.tailspintoys.com is silent. tailspintoys.com, the condition
around it, has two servers that work and would answer, with another address. They are not asked:
the condition that is used is the longest one.""",
        topology="conditional",
        steps=(*silent("widgets"), Ask(name="www.widgets.tailspintoys.com")),
        expectations=(
            Expectation(
                text="The server of the longest condition is asked, and nobody else",
                rules=("CND-07",),
                check=AskedOnly(servers=("10.20.0.13",)),
            ),
            Expectation(
                text="The client is told SERVFAIL",
                rules=("CND-07",),
                check=Answered(name="www.widgets.tailspintoys.com", rcode="SERVFAIL", count=0),
            ),
        ),
    ),
    "private_name_alive": private_name(
        "A private name goes to its own server and nowhere else",
        """corp.internal exists inside only. Its names may stand in packets to its own server, and
in none towards the Internet or the global forwarder: a name is information too.""",
        "NOERROR",
    ),
    "private_name_dead": private_name(
        "A private name does not leak when its server is dead either",
        """The same with the server of corp.internal without power. This is where leaks happen: a
resolver that tries something else instead tells the Internet what is looked for inside.""",
        "SERVFAIL",
        Halt(node="corp"),
    ),
    "private_name_refused": private_name(
        "A private name does not leak when its server refuses to answer",
        """The server of corp.internal lives and refuses every question. That is no reason to ask
others.""",
        "SERVFAIL",
        Play(
            node="corp",
            program="authority",
            script=Script(rcode="REFUSED", authoritative=False),
        ),
    ),
}
