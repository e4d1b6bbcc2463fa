from lab.judge.checks import AnswerHolds, AskedTimes, FromCache, OneTtlPerRrset
from lab.scenario.model import Ask, Elapse, Expectation, Play, Reply, Scenario, Script

TO_SHORT = ("toshort.example.com CNAME ttl2.example.com", "ttl2.example.com A 198.51.100.91")

SCENARIOS = {
    "link_by_link": Scenario(
        title="A chain of aliases is kept link by link, each for its own time",
        story="""toshort.example.com is an alias for five minutes, of a name whose address holds
for two seconds. When these are over the address is asked for again, and the alias is not: it still
holds. And whoever asks for the alias's target itself is answered from the same entry.""",
        topology="caches",
        steps=(
            Ask(name="toshort.example.com"),
            Ask(name="ttl2.example.com"),
            Elapse(seconds=2.2),
            Ask(name="toshort.example.com"),
        ),
        expectations=(
            Expectation(
                text="Each answer holds both links",
                rules=("CCH-13",),
                check=AnswerHolds(name="toshort.example.com", records=TO_SHORT),
            ),
            Expectation(
                text="The alias was asked for once",
                rules=("CCH-13",),
                check=AskedTimes(name="toshort.example.com", times=1),
            ),
            Expectation(
                text="Its target once, when it had expired",
                rules=("CCH-13",),
                check=AskedTimes(name="ttl2.example.com", times=1),
            ),
        ),
    ),
    "the_shortest_governs": Scenario(
        title="The shortest TTL of a chain governs the whole answer",
        story="""shortalias.example.com is an alias for two seconds only, of a name whose address
holds for a minute. Within the two seconds the chain comes from the cache. After them the alias may
lead elsewhere: that the address is still known must not keep the old answer alive.""",
        topology="caches",
        steps=(
            Ask(name="shortalias.example.com"),
            Ask(name="shortalias.example.com"),
            Elapse(seconds=2.2),
            Ask(name="shortalias.example.com"),
        ),
        expectations=(
            Expectation(
                text="At once it comes from the cache",
                rules=("CCH-13", "CCH-01"),
                check=FromCache(name="shortalias.example.com"),
            ),
            Expectation(
                text="After two seconds the alias is asked for again",
                rules=("CCH-13",),
                check=AskedTimes(name="shortalias.example.com", times=2),
            ),
        ),
    ),
    "one_ttl_for_an_rrset": Scenario(
        title="The records of an RRset have one TTL, the lowest that came",
        story="""The server gives two addresses of one name with different TTLs, a minute and two
seconds. An RRset lives and dies as a whole: both are told with the lower one, and after two
seconds both are asked for again.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(Reply(answer=("@ 60 IN A 198.51.100.1", "@ 2 IN A 198.51.100.2")),)
                ),
            ),
            Ask(name="two.example.com"),
            Ask(name="two.example.com"),
            Elapse(seconds=2.2),
            Ask(name="two.example.com"),
        ),
        expectations=(
            Expectation(
                text="Both addresses have the lower TTL, whenever they are told",
                rules=("CCH-13",),
                check=OneTtlPerRrset(),
            ),
            Expectation(
                text="After two seconds they are asked for again",
                rules=("CCH-13",),
                check=AskedTimes(name="two.example.com", times=2),
            ),
        ),
    ),
}
