from lab.judge.checks import Answered, AskedInOrder, FromCache
from lab.scenario.model import (
    Ask,
    Elapse,
    Expectation,
    Play,
    Reconfigure,
    RemoveForward,
    Reply,
    Scenario,
    Script,
    SetForward,
)

CORP, OTHER, FORWARDER = "10.20.0.15", "10.20.0.14", "203.0.113.100"
SHORT, INTRANET = "short.corp.internal", "intranet.corp.internal"
OLD, NEW = "10.20.0.81", "10.20.0.99"

MOVED = Reconfigure(
    node="dns", changes=(SetForward(zone="corp.internal", servers=(OTHER,), timeout_s=1.0),)
)
PLAYED = Play(
    node="deep",
    program="authority",
    script=Script(replies=(Reply(answer=(f"@ 60 IN A {NEW}",)),)),
)
"""The other server: it answers every name with one address."""

SCENARIOS = {
    "moved": Scenario(
        title="A condition gets another server while the DNS server runs",
        story="""The servers of corp.internal move. The administrator changes the condition and has
the DNS server read its configuration again. A name that is not in the cache is asked of the new
server at once. An answer that is still in the cache was true when it came, and may be given until
its time to live (two seconds) is over; then the new server is asked for it too.""",
        topology="conditional",
        steps=(
            PLAYED,
            Ask(name=SHORT),
            MOVED,
            Ask(name=INTRANET),
            Elapse(seconds=0.5),
            Ask(name=SHORT),
            Elapse(seconds=2.0),
            Ask(name=SHORT),
        ),
        expectations=(
            Expectation(
                text="Before the change the old server is asked",
                rules=("CND-10", "CND-01"),
                check=AskedInOrder(servers=(CORP,), name=SHORT, which="first"),
            ),
            Expectation(
                text="A name that is not in the cache is asked of the new server at once",
                rules=("CND-10", "CND-01"),
                check=AskedInOrder(servers=(OTHER,), name=INTRANET),
            ),
            Expectation(
                text="An answer of the old server is given from the cache within its TTL",
                rules=("CND-10", "CCH-01"),
                check=FromCache(name=SHORT),
            ),
            Expectation(
                text="After its TTL, the new server is asked",
                rules=("CND-10", "CND-01"),
                check=AskedInOrder(servers=(OTHER,), name=SHORT, which="last", times=2),
            ),
            Expectation(
                text="And the new server's answer is given",
                rules=("CND-10", "CND-01"),
                check=Answered(name=SHORT, which="last", addresses=(NEW,)),
            ),
        ),
    ),
    "removed_and_added": Scenario(
        title="A condition is taken away, and one is added, while the DNS server runs",
        story="""The condition for widgets.tailspintoys.com is taken away: its names now belong to
the condition around it, and the next question goes to that one's server. Then a condition for
example.com is added, and questions for it stop going to the global forwarder.""",
        topology="conditional",
        steps=(
            Ask(name="a.widgets.tailspintoys.com"),
            Reconfigure(node="dns", changes=(RemoveForward(zone="widgets.tailspintoys.com"),)),
            Ask(name="b.widgets.tailspintoys.com"),
            Ask(name="www.example.com"),
            PLAYED,
            Reconfigure(
                node="dns",
                changes=(SetForward(zone="example.com", servers=(OTHER,), timeout_s=1.0),),
            ),
            Ask(name="new.example.com"),
        ),
        expectations=(
            Expectation(
                text="Before: the server of widgets.tailspintoys.com",
                rules=("CND-10", "CND-01"),
                check=AskedInOrder(servers=("10.20.0.13",), name="a.widgets.tailspintoys.com"),
            ),
            Expectation(
                text="Taken away: the server of the condition around it",
                rules=("CND-10", "CND-01"),
                check=AskedInOrder(servers=("10.20.0.11",), name="b.widgets.tailspintoys.com"),
            ),
            Expectation(
                text="Before: the global forwarder",
                rules=("CND-10", "CND-01"),
                check=AskedInOrder(servers=(FORWARDER,), name="www.example.com"),
            ),
            Expectation(
                text="Added: the new condition's server",
                rules=("CND-10", "CND-01"),
                check=AskedInOrder(servers=(OTHER,), name="new.example.com"),
            ),
        ),
    ),
}
