from lab.judge.checks import Answered, AnswerHolds, AskedTimes, FromCache
from lab.scenario.model import Ask, Elapse, Expectation, Play, Reply, Scenario, Script

SOA = "example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. {} 7200 900 1209600 60"
OLD, NEW = SOA.format(1), SOA.format(2)
NEWER = "example.com SOA ns1.example.com. hostmaster.example.com. 2 7200 900 1209600 60"


def without_soa(rcode: str, what: str) -> Scenario:
    return Scenario(
        title=f"{what} without an SOA record is not cached",
        story=f"""The SOA record beside {what} says how long it holds. Without one nobody knows,
and two servers that pass such an answer to each other could keep it alive for ever: the DNS server
passes it on and asks anew the next time.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(replies=(Reply(rcode=rcode),)),
            ),
            Ask(name="nope.example.com"),
            Elapse(seconds=1.2),
            Ask(name="nope.example.com"),
        ),
        expectations=(
            Expectation(
                text="The client is told each time",
                rules=("CCH-07",),
                check=Answered(name="nope.example.com", rcode=rcode, count=0, soa=False),
            ),
            Expectation(
                text="Each question goes upstream",
                rules=("CCH-07",),
                check=AskedTimes(name="nope.example.com", times=2),
            ),
        ),
    )


SCENARIOS = {
    "of_a_name": Scenario(
        title="NXDOMAIN holds for every type of the name, and for no other name",
        story="""nope.example.com does not exist: not for A, so neither for AAAA. The second
question needs no server. Its sibling nada.example.com is another name, of which nothing is known
yet.""",
        topology="caches",
        steps=(
            Ask(name="nope.example.com"),
            Ask(name="nope.example.com", qtype="AAAA"),
            Ask(name="nada.example.com"),
        ),
        expectations=(
            Expectation(
                text="AAAA is answered NXDOMAIN too, with the SOA",
                rules=("CCH-04",),
                check=Answered(
                    name="nope.example.com", qtype="AAAA", rcode="NXDOMAIN", count=0, soa=True
                ),
            ),
            Expectation(
                text="Both types together cost one question",
                rules=("CCH-04",),
                check=AskedTimes(name="nope.example.com", times=1),
            ),
            Expectation(
                text="The sibling is asked for",
                rules=("CCH-04",),
                check=AskedTimes(name="nada.example.com", times=1),
            ),
        ),
    ),
    "of_a_type": Scenario(
        title="NODATA holds for the type that was asked, and for no other",
        story="""www.example.com has an A record and no AAAA record. That it lacks one type says
nothing of another: whoever let NODATA shadow the address would cut off every client that asks for
IPv6 first.""",
        topology="caches",
        steps=(
            Ask(name="www.example.com", qtype="AAAA"),
            Ask(name="www.example.com", qtype="AAAA"),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="The second AAAA question is answered from the cache",
                rules=("CCH-05",),
                check=FromCache(name="www.example.com"),
            ),
            Expectation(
                text="The A question goes upstream",
                rules=("CCH-05",),
                check=AskedTimes(name="www.example.com", qtype="A", times=1),
            ),
            Expectation(
                text="and gets its address",
                rules=("CCH-05",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "counted_down": Scenario(
        title="An absence from the cache brings its SOA record, with what is left of its TTL",
        story="""The zone's absences hold for five seconds. Whoever asks two seconds later is told
NXDOMAIN with the SOA record and three seconds: a cache behind this one may keep it for these three
and no longer.""",
        topology="caches",
        steps=(
            Ask(name="nope.example.com"),
            Elapse(seconds=1.2),
            Ask(name="nope.example.com"),
            Elapse(seconds=1.2),
            Ask(name="nope.example.com"),
        ),
        expectations=(
            Expectation(
                text="NXDOMAIN with the SOA record, its TTL counted down, nothing upstream",
                rules=("CCH-06", "CCH-01"),
                check=FromCache(name="nope.example.com"),
            ),
            Expectation(
                text="The SOA record is in every answer",
                rules=("CCH-06",),
                check=Answered(name="nope.example.com", rcode="NXDOMAIN", count=0, soa=True),
            ),
        ),
    ),
    "no_name_without_soa": without_soa("NXDOMAIN", "NXDOMAIN"),
    "no_data_without_soa": without_soa("NOERROR", "NODATA"),
    "its_soa_answers_nothing": Scenario(
        title="The SOA record of an absence answers no question for the SOA record",
        story="""The SOA record beside NXDOMAIN is there to say how long the absence holds. It came
unasked, so it is no answer: a client that asks for the zone's SOA record gets what the zone's
server says to that, here a newer one.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(name="example.com", qtype="SOA", answer=(NEW,)),
                        Reply(rcode="NXDOMAIN", authority=(OLD,)),
                    )
                ),
            ),
            Ask(name="nope.example.com"),
            Ask(name="example.com", qtype="SOA"),
        ),
        expectations=(
            Expectation(
                text="The SOA question goes upstream",
                rules=("CCH-08",),
                check=AskedTimes(name="example.com", qtype="SOA", times=1),
            ),
            Expectation(
                text="and its answer is the server's, not the one in the cache",
                rules=("CCH-08",),
                check=AnswerHolds(
                    name="example.com",
                    qtype="SOA",
                    records=(NEWER,),
                ),
            ),
        ),
    ),
}
