from lab.judge.checks import AllReplied, Answered, AnswerHolds, AskedTimes, StaleAnswered
from lab.scenario.model import (
    Ask,
    AskMany,
    Elapse,
    Expectation,
    Halt,
    Play,
    Reply,
    Scenario,
    Script,
)

DNS, STALE, SMALL = "192.168.1.53", "192.168.1.54", "192.168.1.55"
NAME = "ttl2.example.com"

SCENARIOS = {
    "full": Scenario(
        title="A full cache forgets the oldest entries and goes on answering",
        story="""This DNS server has room for fifty RRsets and is asked for 251 names, most of
which it must forget again. Each question gets its right answer; what was forgotten is asked for
anew, and what was asked for last is still there.""",
        topology="caches",
        steps=(
            Ask(name="www.example.com", server=SMALL),
            AskMany(name="n{n}.example.com", count=250, at_once=20, server=SMALL),
            Ask(name="n250.example.com", server=SMALL),
            Ask(name="www.example.com", server=SMALL),
        ),
        expectations=(
            Expectation(
                text="Every question is answered",
                rules=("CCH-14",),
                check=AllReplied(count=251, rcodes=("NOERROR",)),
            ),
            Expectation(
                text="A name among the last is still known",
                rules=("CCH-14",),
                check=AskedTimes(asker="small", name="n250.example.com", times=1),
            ),
            Expectation(
                text="The first name was forgotten and is asked for again",
                rules=("CCH-14",),
                check=AskedTimes(asker="small", name="www.example.com", times=2),
            ),
            Expectation(
                text="and its answer is right both times",
                rules=("CCH-14",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "stale": Scenario(
        title="Expired data is given while its server is dead, and with a short TTL",
        story="""This DNS server may serve stale data. The authoritative server loses power, and
the address it gave expires. A client that asks now would get an error; instead, once the question
has been put upstream in vain, it gets the old address for half a minute. When the server is back,
the next answer is fresh.""",
        topology="caches",
        steps=(
            Ask(name=NAME, server=STALE),
            Halt(node="origin"),
            Elapse(seconds=3.2),
            Ask(name=NAME, server=STALE),
        ),
        expectations=(
            Expectation(
                text="The old address is given after upstream was asked, with a TTL of 1 to 30 s",
                rules=("CCH-15",),
                check=StaleAnswered(server="stale", name=NAME),
            ),
            Expectation(
                text="The client gets the address both times",
                rules=("CCH-15",),
                check=Answered(name=NAME, addresses=("198.51.100.91",)),
            ),
        ),
    ),
    "fresh_where_possible": Scenario(
        title="A server that serves stale data gives fresh data wherever it can be had",
        story="""The address has expired, but its server is well and has a new one. Serving stale
data is for times of need: the client gets the new address.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(name=NAME, times=1, answer=("@ 1 IN A 198.51.100.91",)),
                        Reply(name=NAME, answer=("@ 60 IN A 198.51.100.92",)),
                    )
                ),
            ),
            Ask(name=NAME, server=STALE),
            Elapse(seconds=2.2),
            Ask(name=NAME, server=STALE),
        ),
        expectations=(
            Expectation(
                text="The second answer is the new one",
                rules=("CCH-15",),
                check=AnswerHolds(
                    name=NAME, which="last", records=(f"{NAME} A 198.51.100.92",), ttl_s=60
                ),
            ),
            Expectation(
                text="It was asked for",
                rules=("CCH-15", "CCH-02"),
                check=AskedTimes(asker="stale", name=NAME, times=2),
            ),
        ),
    ),
    "never_stale_by_default": Scenario(
        title="Unless it is switched on, expired data is never given",
        story="""The same with an ordinary DNS server: the address has expired, nobody can be
asked, and the client is told so. In a cluster whose nodes come and go, an old address is a dead
one.""",
        topology="caches",
        steps=(
            Ask(name=NAME, server=DNS),
            Halt(node="origin"),
            Elapse(seconds=3.2),
            Ask(name=NAME, server=DNS),
        ),
        expectations=(
            Expectation(
                text="While its server was well, the address was given",
                rules=("CCH-15",),
                check=Answered(name=NAME, which="first", addresses=("198.51.100.91",)),
            ),
            Expectation(
                text="Afterwards there is an error, and no address",
                rules=("CCH-15", "CCH-02"),
                check=Answered(name=NAME, which="last", rcode="SERVFAIL", count=0),
            ),
        ),
    ),
}
