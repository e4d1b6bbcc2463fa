from lab.judge.checks import (
    AllReplied,
    Answered,
    AskedTimes,
    ErrorReplied,
    FailureForgotten,
    FailureRemembered,
    FromCache,
)
from lab.scenario.model import (
    Ask,
    AskMany,
    Elapse,
    Expectation,
    Halt,
    Play,
    Repeat,
    Reply,
    Resume,
    Scenario,
    Script,
)

NAME = "www.example.com"
HALF = "@ 60 IN A 198.51.100.1"
WHOLE = (HALF, "@ 60 IN A 198.51.100.2", "@ 60 IN A 198.51.100.3")
FIRST_SERVER = "203.0.113.40"

SCENARIOS = {
    "for_one_tuple_and_not_for_long": Scenario(
        title="A failure holds for its own question, and not for long",
        story="""The server fails once, on one question. That says nothing of another type or of
another name, which are asked for at once. A moment later the server is well again, and so must the
question be: a failure may be kept for five minutes at the very most, and here it is one
second.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(name=NAME, qtype="A", times=1, rcode="SERVFAIL"),
                        Reply(qtype="A", answer=(HALF,)),
                        Reply(qtype="TXT", answer=('@ 60 IN TXT "well"',)),
                    )
                ),
            ),
            Ask(name=NAME),
            Ask(name=NAME, qtype="TXT"),
            Ask(name="two.example.com"),
            Elapse(seconds=1.3),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="The client is told of the failure",
                rules=("CCH-09",),
                check=Answered(name=NAME, which="first", rcode="SERVFAIL", count=0),
            ),
            Expectation(
                text="Another type of the name is asked for meanwhile",
                rules=("CCH-09",),
                check=AskedTimes(name=NAME, qtype="TXT", times=1),
            ),
            Expectation(
                text="Another name is asked for meanwhile, and answered",
                rules=("CCH-09",),
                check=Answered(name="two.example.com", addresses=("198.51.100.1",)),
            ),
            Expectation(
                text="A second later the question is put again, and answered",
                rules=("CCH-09",),
                check=Answered(name=NAME, which="last", addresses=("198.51.100.1",)),
            ),
            Expectation(
                text="Both times it went upstream",
                rules=("CCH-09",),
                check=AskedTimes(name=NAME, qtype="A", times=2),
            ),
        ),
    ),
    "tried_again_for_ever": Scenario(
        title="A failure that persists is tried again and again, within five minutes each time",
        story="""The server fails for twenty minutes, and its clients ask on. The DNS server may
wait longer each time before it tries again, but never longer than five minutes: however long the
trouble lasted, its end is noticed.""",
        topology="caches",
        needs=("long waits",),
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(replies=(Reply(rcode="SERVFAIL"),)),
            ),
            Repeat(times=800, every_s=1.5, steps=(Ask(name=NAME),)),
        ),
        expectations=(
            Expectation(
                text="No failure is told from memory when it is more than five minutes old",
                rules=("CCH-09",),
                check=FailureForgotten(name=NAME, within_s=300.0),
            ),
            Expectation(
                text="and some are told from memory: trying again becomes rarer",
                rules=("CCH-10",),
                check=AskedTimes(name=NAME, at_least=4, at_most=60),
            ),
        ),
    ),
    "no_burst_after_one": Scenario(
        title="A burst of questions after a failure goes no further",
        story="""A server that fails has trouble enough. Clients whose question failed ask again at
once, all of them: for a second at least, the DNS server answers them from memory and leaves the
server alone.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(replies=(Reply(rcode="SERVFAIL"),)),
            ),
            Ask(name=NAME),
            AskMany(name=NAME, count=40, at_once=40),
        ),
        expectations=(
            Expectation(
                text="Forty more questions within the second are answered, none goes upstream",
                rules=("CCH-10",),
                check=FailureRemembered(name=NAME, repetitions=40),
            ),
            Expectation(
                text="The server was asked once",
                rules=("CCH-10",),
                check=AskedTimes(name=NAME, times=1),
            ),
        ),
    ),
    "a_dead_server_is_asked_again": Scenario(
        title="A forwarder that was dead is asked again as soon as it is back",
        story="""The first forwarder's program ends, its host says so, and the second forwarder
stands in. That a server is dead may be held against it for five minutes at most; a conditional
forwarder of the listed-order profile is not written off at all: the next question goes to it
first.""",
        topology="forwarders",
        steps=(
            Halt(node="forwarder1", program="resolver"),
            Ask(name="www.example.com"),
            Resume(node="forwarder1", program="resolver"),
            Ask(name="two.example.com"),
        ),
        expectations=(
            Expectation(
                text="The question after its return goes to it",
                rules=("CCH-11",),
                check=AskedTimes(name="two.example.com", to=("203.0.113.101",), times=1),
            ),
            Expectation(
                text="and needs no other",
                rules=("CCH-11",),
                check=AskedTimes(name="two.example.com", to=("203.0.113.102",), times=0),
            ),
            Expectation(
                text="Both questions were answered",
                rules=("CCH-11",),
                check=AllReplied(count=2, rcodes=("NOERROR",)),
            ),
        ),
    ),
    "a_dead_authority_is_asked_again": Scenario(
        title="What is held against a dead authoritative server is forgotten in five minutes",
        story="""One of example.com's two servers loses power. The DNS server, which picks among
them by what it has seen, soon leaves it alone. The server comes back, and after five minutes
nothing is held against it any more: it gets its share of the questions again.""",
        topology="recursion",
        needs=("long waits",),
        steps=(
            Halt(node="example1"),
            AskMany(name="n{n}.example.com", count=20, at_once=1),
            Resume(node="example1"),
            Elapse(seconds=301.0),
            AskMany(name="x{n}.glueless.net", count=30, at_once=1),
        ),
        expectations=(
            Expectation(
                text="While it is dead it is tried a few times and then left alone",
                rules=("CCH-11",),
                check=AskedTimes(below="example.com", to=(FIRST_SERVER,), at_most=6),
            ),
            Expectation(
                text="Five minutes later it is asked again",
                rules=("CCH-11",),
                check=AskedTimes(below="glueless.net", to=(FIRST_SERVER,), at_least=1),
            ),
            Expectation(
                text="Every question was answered",
                rules=("CCH-11",),
                check=AllReplied(count=50, rcodes=("NOERROR", "NXDOMAIN")),
            ),
        ),
    ),
    "a_truncated_answer_is_no_answer": Scenario(
        title="A truncated answer is never kept as if it were whole",
        story="""Over UDP the server gives one address of three and says that it was cut short;
over TCP it gives all three. What the DNS server keeps, and tells the next client, is the whole
RRset.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(transport="udp", truncated=True, answer=(HALF,)),
                        Reply(transport="tcp", answer=WHOLE),
                    )
                ),
            ),
            Ask(name=NAME),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="Both answers are whole",
                rules=("CCH-12",),
                check=Answered(
                    name=NAME, addresses=("198.51.100.1", "198.51.100.2", "198.51.100.3")
                ),
            ),
            Expectation(
                text="The second comes from the cache",
                rules=("CCH-12", "CCH-01"),
                check=FromCache(name=NAME),
            ),
        ),
    ),
    "half_an_answer_is_a_failure": Scenario(
        title="A truncated answer that cannot be completed is a failure, and is not kept",
        story="""The server truncates its answer and hangs up on TCP. What came over UDP holds an
address, but half an RRset is none: the client is told of a failure, and is told so again
later.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(transport="udp", truncated=True, answer=(HALF,)),
                        Reply(transport="tcp", closes_stream=True),
                    )
                ),
            ),
            Ask(name=NAME),
            Elapse(seconds=1.3),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="Neither question gets the half",
                rules=("CCH-12",),
                check=ErrorReplied(name=NAME, rcodes=("SERVFAIL",)),
            ),
            Expectation(
                text="The second question goes upstream again",
                rules=("CCH-12",),
                check=AskedTimes(name=NAME, transport="udp", at_least=2),
            ),
        ),
    ),
}
