from lab.judge.checks import Answered, AskedInOrder, NextAskedAfterTimeout, NothingSent
from lab.scenario.model import Ask, Expectation, Play, Scenario, Script

FIRST, SECOND, THIRD, FOURTH = (f"203.0.113.10{number}" for number in (1, 2, 3, 4))
SILENT = tuple(
    Play(node=f"forwarder{number}", program="resolver", script=Script(silent=True))
    for number in (1, 2, 3)
)

SCENARIOS = {
    "forwarders": Scenario(
        title="Windows' published timers: three forwarders are tried, the fourth never is",
        story="""Microsoft publishes how long its DNS server waits (KB 2834250): three seconds for
the first forwarder, four for each further one, and no new try when eight seconds are over. Of four
forwarders three are silent. They are asked at 0, 3 and 7 seconds; at 11 seconds the fourth would
be due, which would answer. Instead the client is told that the question failed: after eleven
seconds, when an ordinary client has long given up.""",
        topology="forwarders-windows",
        needs=("long waits",),
        steps=(*SILENT, Ask(name="www.example.com", patience_s=20.0)),
        expectations=(
            Expectation(
                text="The first three are asked in order, each once",
                rules=("FWD-01", "FWD-15", "FWD-17"),
                check=AskedInOrder(servers=(FIRST, SECOND, THIRD)),
            ),
            Expectation(
                text="The second is asked after 3 s, the third after 4 s more",
                rules=("FWD-02",),
                check=NextAskedAfterTimeout(timeout_s=3.0, later_timeout_s=4.0),
            ),
            Expectation(
                text="No packet ever goes to the fourth, which would answer",
                rules=("FWD-02", "FWD-15"),
                check=NothingSent(node="dns", to=(FOURTH,)),
            ),
            Expectation(
                text="The client is told SERVFAIL after 11 s",
                rules=("FWD-13",),
                check=Answered(name="www.example.com", rcode="SERVFAIL", count=0, within_s=11.0),
            ),
        ),
    ),
    "condition": Scenario(
        title="Windows' published timers for a condition: two servers are tried",
        story="""For the servers of a condition Microsoft's timeout is five seconds. Of three the
first two are silent: the second is asked after five seconds, and when it has been waited for, six
seconds more, the eight seconds after which nothing new is tried are over. The third, which would
answer, is never asked.""",
        topology="forwarders-windows",
        needs=("long waits",),
        steps=(*SILENT[1:], Ask(name="www.corp.internal", patience_s=20.0)),
        expectations=(
            Expectation(
                text="The first two servers of the condition are asked, each once",
                rules=("CND-04", "FWD-15", "FWD-17"),
                check=AskedInOrder(servers=(SECOND, THIRD)),
            ),
            Expectation(
                text="The second is asked after 5 s",
                rules=("FWD-02", "CND-04"),
                check=NextAskedAfterTimeout(timeout_s=5.0),
            ),
            Expectation(
                text="No packet goes to the third, nor to the forwarder of all other names",
                rules=("CND-07", "FWD-15"),
                check=NothingSent(node="dns", to=(FIRST, FOURTH)),
            ),
            Expectation(
                text="The client is told SERVFAIL after 11 s",
                rules=("FWD-13",),
                check=Answered(name="www.corp.internal", rcode="SERVFAIL", count=0, within_s=11.0),
            ),
        ),
    ),
    "second_answers": Scenario(
        title="Windows' published timers: the second forwarder's answer after three seconds",
        story="""One dead forwarder costs the client of such a server three seconds, and it still
gets its answer in time.""",
        topology="forwarders-windows",
        needs=("long waits",),
        steps=(SILENT[0], Ask(name="www.example.com")),
        expectations=(
            Expectation(
                text="The second is asked after 3 s",
                rules=("FWD-02",),
                check=NextAskedAfterTimeout(timeout_s=3.0),
            ),
            Expectation(
                text="The client gets the second one's answer",
                rules=("FWD-03",),
                check=Answered(name="www.example.com", addresses=("198.51.100.202",), within_s=3.0),
            ),
        ),
    ),
}
