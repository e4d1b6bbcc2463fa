from lab.judge.checks import AllReplied, Answered, AskedTimes, ErrorReplied
from lab.scenario.model import Ask, AskMany, Expectation, Play, Reply, Scenario, Script

ADDRESS = "@ 60 IN A 198.51.100.1"

SCENARIOS = {
    "many_at_once": Scenario(
        title="Of 500 questions at once, none is lost, although the forwarders are slow",
        story="""Five hundred different questions come at once, and each forwarder thinks for half
a second about each. All wait at the same time. A server may refuse what is too much for it; what it
must not do is leave a client without a word, who would ask again and make it worse.""",
        topology="forwarders",
        steps=(
            *(
                Play(
                    node=forwarder,
                    program="resolver",
                    script=Script(replies=(Reply(answer=(ADDRESS,), delay_s=0.5),)),
                )
                for forwarder in ("forwarder1", "forwarder2", "forwarder3")
            ),
            AskMany(name="n{n}.example.com", count=500, at_once=500),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="One reply to each of the five hundred",
                rules=("ROB-03",),
                check=AllReplied(count=500, at_once=200),
            ),
            Expectation(
                text="and the next question is answered as ever",
                rules=("ROB-03",),
                check=Answered(name="www.example.com", addresses=("198.51.100.1",)),
            ),
        ),
    ),
    "alias_loop": Scenario(
        title="Aliases that lead in a circle end with SERVFAIL, after few questions",
        story="""loop.example.net is an alias of a name that is an alias of a name that is an alias
of the second: round and round. Each link looks like progress. The DNS server counts, and gives
up.""",
        topology="recursion",
        steps=(Ask(name="loop.example.net"), Ask(name="www.example.net")),
        expectations=(
            Expectation(
                text="SERVFAIL, and no records",
                rules=("ROB-04",),
                check=ErrorReplied(name="loop.example.net", rcodes=("SERVFAIL",)),
            ),
            Expectation(
                text="after a bounded number of questions",
                rules=("ROB-04",),
                check=AskedTimes(below="example.com", at_most=8),
            ),
            Expectation(
                text="Other names are answered",
                rules=("ROB-04",),
                check=Answered(name="www.example.net", addresses=("198.51.100.180",)),
            ),
        ),
    ),
    "alias_loop_behind_a_forwarder": Scenario(
        title="A forwarder that leads in circles is followed for a few links only",
        story="""The forwarder answers each name with an alias, two names in turn, and never with
more than one link: the DNS server must follow itself, and count.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(name="a.example.com", answer=("@ 0 IN CNAME b.example.com.",)),
                        Reply(name="b.example.com", answer=("@ 0 IN CNAME a.example.com.",)),
                        Reply(answer=(ADDRESS,)),
                    )
                ),
            ),
            Ask(name="a.example.com"),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="SERVFAIL, and no records",
                rules=("ROB-04",),
                check=ErrorReplied(name="a.example.com", rcodes=("SERVFAIL",)),
            ),
            Expectation(
                text="after no more links than a chain may have",
                rules=("ROB-04",),
                check=AskedTimes(below="example.com", at_most=16),
            ),
            Expectation(
                text="Other names are answered",
                rules=("ROB-04",),
                check=Answered(name="www.example.com", addresses=("198.51.100.1",)),
            ),
        ),
    ),
    "alias_chain_too_long": Scenario(
        title="A chain of forty aliases ends with SERVFAIL, after a bounded number of questions",
        story="""tolong.example.com leads through forty aliases to an address. No honest name needs
so many; a server that followed any number would work for whoever writes such a zone.""",
        topology="recursion",
        steps=(Ask(name="tolong.example.com"), Ask(name="www.example.net")),
        expectations=(
            Expectation(
                text="SERVFAIL, and no records",
                rules=("ROB-04",),
                check=ErrorReplied(name="tolong.example.com", rcodes=("SERVFAIL",)),
            ),
            Expectation(
                text="after a bounded number of questions",
                rules=("ROB-04",),
                check=AskedTimes(below="example.net", at_most=20),
            ),
            Expectation(
                text="Other names are answered",
                rules=("ROB-04",),
                check=Answered(name="www.example.net", addresses=("198.51.100.180",)),
            ),
        ),
    ),
}
