from lab.judge.checks import Answered, AskedInOrder
from lab.scenario.model import Ask, Expectation, Scenario

DEPTHS = (
    # name, server, its address there
    ("example.com", "203.0.113.100", None),
    ("com", "203.0.113.100", None),
    ("tailspintoys.com", "10.20.0.11", "198.51.100.11"),
    ("a.tailspintoys.com", "10.20.0.11", "198.51.100.11"),
    ("deep.tailspintoys.com", "10.20.0.11", "198.51.100.11"),
    ("widgets.tailspintoys.com", "10.20.0.13", "198.51.100.13"),
    ("a.widgets.tailspintoys.com", "10.20.0.13", "198.51.100.13"),
    ("deep.widgets.tailspintoys.com", "10.20.0.14", "198.51.100.14"),
    ("a.deep.widgets.tailspintoys.com", "10.20.0.14", "198.51.100.14"),
    ("widgets.deep.widgets.tailspintoys.com", "10.20.0.14", "198.51.100.14"),
    ("a.b.c.deep.widgets.tailspintoys.com", "10.20.0.14", "198.51.100.14"),
)

SCENARIO = Scenario(
    title='Conditions inside one another, and "." around them: the right one at every depth',
    story="""Three conditions lie inside one another, and the condition "." is around all of them.
A name at each depth, at each border and one label beside it goes to the longest condition that it
is in. Every server would answer for all names below its domain, each with an address of its own,
so a question gone astray shows in the answer too. (What happens here to eleven names, a property
test does to all names of generated trees: tests/unit/test_dns_conditions.py.)""",
    topology="conditional",
    steps=tuple(Ask(name=name) for name, _, _ in DEPTHS),
    expectations=(
        *(
            Expectation(
                text=f"{name} goes to {server} alone",
                rules=("CND-09",),
                check=AskedInOrder(servers=(server,), name=name, which="all", times=1),
            )
            for name, server, _ in DEPTHS
        ),
        *(
            Expectation(
                text=f"{name} has that server's address",
                rules=("CND-09",),
                check=Answered(name=name, addresses=(address,)),
            )
            for name, _, address in DEPTHS
            if address is not None
        ),
    ),
)
