from lab.judge.checks import AnswerHolds, AskedInOrder, AskedTimes, FromCache
from lab.scenario.model import Ask, Elapse, Expectation, Play, Reply, Scenario, Script

ORIGIN = "192.168.1.80"
SHORT_ABSENCE = (
    "example.com. 1 IN SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 1"
)

SCENARIOS = {
    "counted_down": Scenario(
        title="Within its TTL an answer comes from the cache, with what is left of the TTL",
        story="""The authoritative server says for how long its answer holds: a minute. The DNS
server may repeat it for that long without asking again, and must tell each client how much of the
minute is left. A TTL that is not counted down lets old addresses live on in every cache
behind.""",
        topology="caches",
        steps=(
            Ask(name="ttl60.example.com"),
            Elapse(seconds=1.2),
            Ask(name="ttl60.example.com"),
            Elapse(seconds=1.2),
            Ask(node="stranger", server="192.168.1.53", name="TTL60.Example.com"),
            Ask(name="ttl60.example.com"),
        ),
        expectations=(
            Expectation(
                text="The same data with a smaller TTL, and no question upstream",
                rules=("CCH-01",),
                check=FromCache(name="ttl60.example.com"),
            ),
            Expectation(
                text="All clients' questions together cost one question",
                rules=("CCH-01",),
                check=AskedTimes(name="ttl60.example.com", times=1),
            ),
            Expectation(
                text="The last client is told at most 58 s",
                rules=("CCH-01",),
                check=AnswerHolds(
                    name="ttl60.example.com",
                    which="last",
                    records=("ttl60.example.com A 198.51.100.92",),
                    ttl_at_most_s=58,
                ),
            ),
        ),
    ),
    "asked_again_after_it": Scenario(
        title="When an answer or an absence has expired, its server is asked again",
        story="""An answer that holds for two seconds, and a name whose absence holds for one. When
the time is over the DNS server knows no more than before it asked, and asks again, the same server
by the same rule.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(name="ttl2.example.com", answer=("@ 2 IN A 198.51.100.91",)),
                        Reply(rcode="NXDOMAIN", authority=(SHORT_ABSENCE,)),
                    )
                ),
            ),
            Ask(name="ttl2.example.com"),
            Ask(name="nope.example.com"),
            Elapse(seconds=2.2),
            Ask(name="ttl2.example.com"),
            Ask(name="nope.example.com"),
        ),
        expectations=(
            Expectation(
                text="The address is asked for again",
                rules=("CCH-02",),
                check=AskedInOrder(
                    servers=(ORIGIN,), which="all", times=2, name="ttl2.example.com"
                ),
            ),
            Expectation(
                text="The absent name is asked for again",
                rules=("CCH-02",),
                check=AskedInOrder(
                    servers=(ORIGIN,), which="all", times=2, name="nope.example.com"
                ),
            ),
        ),
    ),
    "ttl_zero": Scenario(
        title="A TTL of 0 is passed on as 0 and serves one question only",
        story="""A server may say that its answer holds for this moment alone. The DNS server gives
it to the client who asked, with the 0, and asks anew for the next one.""",
        topology="caches",
        steps=(Ask(name="ttl0.example.com"), Ask(name="ttl0.example.com")),
        expectations=(
            Expectation(
                text="Both answers have a TTL of 0",
                rules=("CCH-03",),
                check=AnswerHolds(
                    name="ttl0.example.com",
                    records=("ttl0.example.com A 198.51.100.90",),
                    ttl_s=0,
                ),
            ),
            Expectation(
                text="Each question went upstream",
                rules=("CCH-03",),
                check=AskedTimes(name="ttl0.example.com", times=2),
            ),
        ),
    ),
}
