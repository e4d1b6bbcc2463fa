from lab.judge.checks import Answered, AskedInOrder, AskedOnceForMany
from lab.scenario.model import AskMany, Expectation, Play, Reply, Scenario, Script

FIRST = "203.0.113.101"
ADDRESS = "198.51.100.201"

SCENARIO = Scenario(
    title="Fifty clients ask the same at once: one question goes upstream",
    story="""On Monday morning everybody opens the same page. The forwarder thinks for a while;
meanwhile fifty clients have asked the same. The DNS server puts their question once, and gives the
one answer to all of them. Fifty questions instead would load the forwarder fifty times, and would
give a forger fifty chances to guess an ID (the birthday attack).""",
    topology="forwarders",
    steps=(
        Play(
            node="forwarder1",
            program="resolver",
            script=Script(replies=(Reply(delay_s=0.7, answer=(f"@ 60 IN A {ADDRESS}",)),)),
        ),
        AskMany(name="www.example.com", count=50, at_once=50),
    ),
    expectations=(
        Expectation(
            text="Fifty clients wait at one moment, and one question goes upstream",
            rules=("FWD-20",),
            check=AskedOnceForMany(name="www.example.com", clients=50),
        ),
        Expectation(
            text="It goes to the first forwarder",
            rules=("FWD-20", "FWD-01"),
            check=AskedInOrder(servers=(FIRST,), which="all", times=1),
        ),
        Expectation(
            text="Every client gets the address",
            rules=("FWD-20",),
            check=Answered(name="www.example.com", addresses=(ADDRESS,), within_s=0.7),
        ),
    ),
)
