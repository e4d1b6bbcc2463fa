from lab.judge.checks import Answered, AskedInOrder, NothingSent, TruncatedThenTcp
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

FIRST, SECOND = "203.0.113.101", "203.0.113.102"
FROM_FIRST, FROM_SECOND = "198.51.100.201", "198.51.100.202"
CUT_SHORT = Reply(transport="udp", truncated=True)

SCENARIOS = {
    "over_tcp": Scenario(
        title="A truncated answer: the same forwarder is asked over TCP, before any other",
        story="""The first forwarder's answer does not fit a datagram: it comes without data and
with the TC bit. That is no failure. The DNS server asks the very same forwarder once more over TCP
and gets the whole answer; the second forwarder hears nothing.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        CUT_SHORT,
                        Reply(transport="tcp", answer=(f"@ 60 IN A {FROM_FIRST}",)),
                    )
                ),
            ),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="After the truncated answer the same forwarder is asked over TCP",
                rules=("FWD-22",),
                check=TruncatedThenTcp(),
            ),
            Expectation(
                text="No packet goes to the second forwarder",
                rules=("FWD-22",),
                check=NothingSent(node="dns", to=(SECOND,)),
            ),
            Expectation(
                text="The client gets the whole answer",
                rules=("FWD-22",),
                check=Answered(name="www.example.com", addresses=(FROM_FIRST,)),
            ),
        ),
    ),
    "tcp_fails": Scenario(
        title="A truncated answer, and TCP fails: only then is the next forwarder asked",
        story="""The first forwarder truncates its answer and hangs up on TCP. Half an answer is
none: the DNS server goes on to the second forwarder, after it has tried TCP and not before.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(CUT_SHORT, Reply(transport="tcp", closes_stream=True)),
                ),
            ),
            Play(
                node="forwarder2",
                program="resolver",
                script=Script(replies=(Reply(answer=(f"@ 60 IN A {FROM_SECOND}",)),)),
            ),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="The first forwarder is asked over TCP before the second is asked",
                rules=("FWD-22",),
                check=TruncatedThenTcp(),
            ),
            Expectation(
                text="The second forwarder is asked then",
                rules=("FWD-22", "FWD-01"),
                check=AskedInOrder(servers=(FIRST, SECOND)),
            ),
            Expectation(
                text="The client gets the second one's answer, whole",
                rules=("FWD-22",),
                check=Answered(name="www.example.com", addresses=(FROM_SECOND,)),
            ),
        ),
    ),
}
