from lab.judge.checks import (
    Answered,
    AnsweredOnce,
    AskedInOrder,
    AskedIteratively,
    AskedOnceForMany,
    FreshIdentifiers,
    NameStaysWithin,
    NextAskedAfterError,
    QuestionsBounded,
    RecursionDesired,
    SelectionRecognised,
    SpellingsAlike,
    TruncatedThenTcp,
)
from lab.scenario.model import Ask, AskMany, Elapse, Expectation, Play, Reply, Scenario, Script

FIRST, SECOND, THIRD = "203.0.113.101", "203.0.113.102", "203.0.113.103"
ROOT, COM, EXAMPLE = "203.0.113.10", "203.0.113.20", "203.0.113.40"
WWW = "www.example.com"


def careless(*servers: str) -> Play:
    return Play(node="dns", program="resolver", script=Script(relays_to=servers))


def thinking(number: int) -> Play:
    """A forwarder that answers after its number of tenths of a second."""
    reply = Reply(delay_s=number / 10, answer=(f"@ 60 IN A 198.51.100.20{number}",))
    return Play(node=f"forwarder{number}", program="resolver", script=Script(replies=(reply,)))


def answered_by_all(name: str) -> tuple[Ask, Elapse]:
    """A question, and the time until the slowest forwarder has answered it too."""
    return Ask(name=name), Elapse(seconds=0.5)


SCENARIOS = {
    "asks_all_at_once": Scenario(
        title="Broken on purpose: a forwarder that asks all servers at once",
        story="""In the DNS server's seat sits a program that relays each question to all three
forwarders at once, under the client's own ID, and hands every reply on. The judge must see that
this is no listed order, that the ID is always the same, and that the client is answered three
times; and recognise the rule by which the forwarders are chosen.""",
        topology="forwarders",
        steps=(
            careless(FIRST, SECOND, THIRD),
            *(thinking(number) for number in (1, 2, 3)),
            *(Ask(name=f"n{number}.example.com") for number in range(1, 6)),
            Elapse(seconds=0.5),  # the second and the third reply come too
        ),
        expectations=(
            Expectation(
                text="The first forwarder is asked, and nobody else",
                rules=("FWD-01", "FWD-04"),
                check=AskedInOrder(servers=(FIRST,)),
            ),
            Expectation(
                text="The rule of choosing is the listed order",
                rules=("FWD-04",),
                check=SelectionRecognised(servers=(FIRST, SECOND, THIRD), rule="listed-order"),
            ),
            Expectation(
                text="The rule of choosing is recognised as asking all at once",
                rules=("FWD-08",),
                check=SelectionRecognised(servers=(FIRST, SECOND, THIRD), rule="parallel"),
            ),
            Expectation(
                text="Each question has an ID of its own",
                rules=("FWD-12",),
                check=FreshIdentifiers(),
            ),
            Expectation(
                text="The client gets one reply to each question",
                rules=("FWD-18",),
                check=AnsweredOnce(name="n1.example.com"),
            ),
        ),
        violates=("FWD-01", "FWD-04", "FWD-12", "FWD-18"),
    ),
    "asks_by_the_clock": Scenario(
        title="Broken on purpose: a forwarder that goes on by the clock, not because of errors",
        story="""The first forwarder refuses at once. The program in the DNS server's seat asks the
second when half a second is over, as it always does: it would have asked it after an answer too.
Such failover is driven by a timer, and a test that looks only at the outcome passes it.""",
        topology="forwarders",
        steps=(
            Play(
                node="dns",
                program="resolver",
                script=Script(relays_to=(FIRST, SECOND), relay_gap_s=0.5),
            ),
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(name=WWW, rcode="REFUSED"),
                        Reply(answer=("@ 60 IN A 198.51.100.201",)),
                    )
                ),
            ),
            thinking(2),
            Ask(name=WWW),
            Elapse(seconds=1.0),
            Ask(name="n1.example.com"),
            Elapse(seconds=1.0),
        ),
        expectations=(
            Expectation(
                text="The second is asked at once after the first one's REFUSED",
                rules=("FWD-11",),
                check=NextAskedAfterError(error="REFUSED", name=WWW),
            ),
            Expectation(
                text="Where the first answers, the second hears nothing",
                rules=("FWD-03",),
                check=AskedInOrder(servers=(FIRST,), name="n1.example.com"),
            ),
            Expectation(
                text="The client's answer is the second forwarder's",
                rules=("FWD-06",),
                check=Answered(name=WWW, addresses=("198.51.100.202",)),
            ),
        ),
        violates=("FWD-03", "FWD-06", "FWD-11"),
    ),
    "asks_again_and_again": Scenario(
        title="Broken on purpose: a forwarder that asks a silent server again and again",
        story="""The forwarder is silent, and the program in the DNS server's seat asks it four
times in a row. That is how resolvers flood a server that is already in trouble.""",
        topology="forwarders",
        steps=(
            careless(FIRST, FIRST, FIRST, FIRST),
            Play(node="forwarder1", program="resolver", script=Script(silent=True)),
            Ask(name=WWW, patience_s=0.5),
        ),
        expectations=(
            Expectation(
                text="Three questions at most, and not all to one server",
                rules=("FWD-15", "FWD-16"),
                check=QuestionsBounded(at_most=3),
            ),
            Expectation(
                text="A silent server is not asked again",
                rules=("FWD-17",),
                check=AskedInOrder(servers=(FIRST,)),
            ),
        ),
        violates=("FWD-15", "FWD-16", "FWD-17"),
    ),
    "asks_for_each_client": Scenario(
        title="Broken on purpose: a forwarder that asks once for every client",
        story="""Ten clients ask the same while the forwarder thinks. The program in the DNS
server's seat relays all ten questions.""",
        topology="forwarders",
        steps=(
            careless(FIRST),
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(replies=(Reply(delay_s=0.3, answer=("@ 60 IN A 198.51.100.1",)),)),
            ),
            AskMany(name=WWW, count=10, at_once=10),
        ),
        expectations=(
            Expectation(
                text="One question goes upstream for ten clients",
                rules=("FWD-20",),
                check=AskedOnceForMany(name=WWW, clients=10),
            ),
        ),
        violates=("FWD-20",),
    ),
    "knows_no_tcp": Scenario(
        title="Broken on purpose: a forwarder that hands on half an answer",
        story="""The forwarder's answer is truncated. The program in the DNS server's seat hands it
on as it is, and never tries TCP.""",
        topology="forwarders",
        steps=(
            careless(FIRST),
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(replies=(Reply(truncated=True),)),
            ),
            Ask(name=WWW),
        ),
        expectations=(
            Expectation(
                text="After a truncated answer the same server is asked over TCP",
                rules=("FWD-22",),
                check=TruncatedThenTcp(),
            ),
        ),
        violates=("FWD-22",),
    ),
    "knows_no_conditions": Scenario(
        title="Broken on purpose: a forwarder that sends every name to the same server",
        story="""The program in the DNS server's seat knows no conditions. Whatever is asked goes
to the global forwarder on the Internet, private names among it, in whatever spelling.""",
        topology="conditional",
        steps=(
            careless("203.0.113.100"),
            Ask(name="intranet.corp.internal"),
            Ask(name="www.CORP.internal"),
        ),
        expectations=(
            Expectation(
                text="A name of corp.internal goes to its own server",
                rules=("CND-01",),
                check=AskedInOrder(servers=("10.20.0.15",), name="intranet.corp.internal"),
            ),
            Expectation(
                text="The private name stays inside",
                rules=("CND-08",),
                check=NameStaysWithin(
                    name="corp.internal",
                    addresses=("192.168.1.10", "192.168.1.53", "10.20.0.15"),
                ),
            ),
            Expectation(
                text="Whatever the spelling, the condition's server is asked",
                rules=("CND-11",),
                check=SpellingsAlike(domain="corp.internal", spellings=2, servers=("10.20.0.15",)),
            ),
        ),
        violates=("CND-01", "CND-08", "CND-11"),
    ),
    "asks_the_root_to_recurse": Scenario(
        title="Broken on purpose: a resolver that asks the root server to do the work",
        story="""The program in the DNS server's seat relays questions to the root server, with
recursion desired, and hands the referral on to the client. It iterates over nothing.""",
        topology="conditional",
        steps=(careless(ROOT), Ask(name=WWW)),
        expectations=(
            Expectation(
                text="From the root server over com to the server of example.com",
                rules=("CND-06",),
                check=AskedIteratively(name=WWW, servers=(ROOT, COM, EXAMPLE)),
            ),
            Expectation(
                text="A root server is asked without recursion desired",
                rules=("CND-15",),
                check=RecursionDesired(iterating_at=(ROOT,)),
            ),
        ),
        violates=("CND-06", "CND-15"),
    ),
}
