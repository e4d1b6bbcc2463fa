from lab.judge.checks import AllReplied, Unpredictable
from lab.scenario.model import Ask, AskMany, Expectation, Scenario

SCENARIO = Scenario(
    title="IDs and source ports of a thousand questions cannot be guessed",
    story="""Whoever wants to forge an answer without seeing the question must guess its ID and the
port that it came from. Both are drawn anew for each question, from all there are: no counter, no
favourite, no relation between the two. A thousand questions show it; that so many drawn at random
would look predictable happens less than once in 10**9 runs.""",
    topology="recursion",
    steps=(
        # Whom to ask is known then, and each question costs one.
        Ask(name="name1023.test"),
        AskMany(name="name{n}.test", count=1020, at_once=20),
    ),
    expectations=(
        Expectation(
            text="Spread, without repetition beyond chance, without sequence",
            rules=("SEC-04",),
            check=Unpredictable(questions=1000),
        ),
        Expectation(
            text="Every question was answered",
            rules=("SEC-04",),
            check=AllReplied(count=1020, rcodes=("NOERROR",)),
        ),
    ),
)
