from lab.judge.checks import (
    AllReplied,
    Answered,
    AnsweredOnConnection,
    AskedTimes,
    NotHeldUp,
    TransportKept,
)
from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    Elapse,
    Expectation,
    Play,
    Reply,
    Scenario,
    Script,
)

SLOW = "slow.example.com"
ADDRESS = "@ 60 IN A 198.51.100.1"

SCENARIOS = {
    "as_first_contact": Scenario(
        title="A question over TCP is answered without one over UDP before it",
        story="""A client may begin with TCP: after a truncated answer from somebody else, behind a
firewall, or because it likes to. It is answered on the connection it opened, and its question goes
on over TCP too: whoever asks that way expects an answer that UDP would cut.""",
        topology="forwarders",
        steps=(
            Ask(name="www.example.com", transport="tcp"),
            Ask(name="two.example.com", transport="tcp", pieces=5),
        ),
        expectations=(
            Expectation(
                text="Answered on the client's connection",
                rules=("TRN-06",),
                check=AnsweredOnConnection(first_contact=True),
            ),
            Expectation(
                text="Each gets its addresses",
                rules=("TRN-06",),
                check=Answered(
                    name="two.example.com",
                    addresses=("198.51.100.81", "198.51.100.82"),
                    transport="tcp",
                ),
            ),
            Expectation(
                text="Upstream it is TCP too, and no doomed attempt over UDP",
                rules=("TRN-07",),
                check=TransportKept(),
            ),
        ),
    ),
    "many_on_one_connection": Scenario(
        title="Many questions on one connection are all answered there",
        story="""A client sends twenty questions on one connection without waiting for answers
between them, as a busy resolver does. Each is answered on that connection.""",
        topology="forwarders",
        steps=(
            Ask(name="www.example.com"),
            AskMany(name="n{n}.example.com", count=20, transport="tcp"),
        ),
        expectations=(
            Expectation(
                text="Twenty questions on one connection, and twenty answers",
                rules=("TRN-08", "TRN-06"),
                check=AnsweredOnConnection(questions=20),
            ),
            Expectation(
                text="No answer is an error",
                rules=("TRN-08",),
                check=AllReplied(count=20, rcodes=("NOERROR",)),
            ),
        ),
    ),
    "out_of_order": Scenario(
        title="On one connection, a slow question does not hold up those behind it",
        story="""The first of five questions on a connection takes a while to be resolved. The
others are answered as soon as their answers are there: order on a connection means nothing.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(name="n1.example.com", delay_s=0.3, answer=(ADDRESS,)),
                        Reply(answer=(ADDRESS,)),
                    )
                ),
            ),
            AskMany(name="n{n}.example.com", count=5, transport="tcp"),
        ),
        expectations=(
            Expectation(
                text="All answered on the connection, a later question before an earlier one",
                rules=("TRN-08",),
                check=AnsweredOnConnection(questions=5, out_of_order=True),
            ),
        ),
    ),
    "in_pieces": Scenario(
        title="A question that comes in pieces is put together",
        story="""TCP is a stream, and knows no messages. A question may come in as many segments as
the network likes, cut anywhere: in the two octets that say its length, in a name.""",
        topology="caches",
        steps=(Ask(name="www.example.com", transport="tcp", pieces=12),),
        expectations=(
            Expectation(
                text="It came in several segments and was answered",
                rules=("TRN-08",),
                check=AnsweredOnConnection(segments=3),
            ),
            Expectation(
                text="with its address",
                rules=("TRN-08",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "slow_tcp_beside_udp": Scenario(
        title="A slow answer over TCP holds up nobody else",
        story="""One client's question is under way to a forwarder over TCP, and takes its time.
Another client asks over UDP meanwhile, and gets its answer at once.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(name=SLOW, delay_s=0.7, answer=(ADDRESS,)),
                        Reply(answer=(ADDRESS,)),
                    )
                ),
            ),
            Ask(
                node="stranger",
                server="192.168.1.53",
                name=SLOW,
                transport="tcp",
                wait=False,
                label="slow",
            ),
            Elapse(seconds=0.1),
            Ask(name="www.example.com"),
            Await(label="slow"),
        ),
        expectations=(
            Expectation(
                text="Answered at once, while the slow one is open",
                rules=("TRN-11",),
                check=NotHeldUp(name="www.example.com", slow=SLOW, within_s=0.1),
            ),
            Expectation(
                text="The slow one went upstream over TCP",
                rules=("TRN-11", "TRN-07"),
                check=AskedTimes(name=SLOW, transport="tcp", times=1),
            ),
            Expectation(
                text="and was answered in the end",
                rules=("TRN-11",),
                check=Answered(asker="stranger", name=SLOW, addresses=("198.51.100.1",)),
            ),
        ),
    ),
}
