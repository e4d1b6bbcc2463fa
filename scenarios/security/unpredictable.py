from lab.judge.checks import AllReplied, Unpredictable
from lab.scenario.model import Ask, AskMany, Expectation, Scenario


def guessing(title: str, story: str, at_once: int, per_port: int) -> Scenario:
    return Scenario(
        title=title,
        story=f"""Whoever wants to forge an answer without seeing the question must guess its ID
and the port that it came from. {story} A thousand questions show it; that so many drawn at random
would look predictable happens less than once in 10**9 runs.""",
        topology="recursion",
        steps=(
            # Whom to ask is known then, and each question costs one.
            Ask(name="name1023.test"),
            AskMany(name="name{n}.test", count=1020, at_once=at_once),
        ),
        expectations=(
            Expectation(
                text="Spread, without repetition beyond chance or need, without sequence",
                rules=("SEC-04",),
                check=Unpredictable(questions=1000, per_port=per_port),
            ),
            Expectation(
                text="Every question was answered",
                rules=("SEC-04",),
                check=AllReplied(count=1020, rcodes=("NOERROR",)),
            ),
        ),
    )


SCENARIOS = {
    "in_peace": guessing(
        "IDs and source ports of a thousand questions cannot be guessed",
        """Both are drawn anew for each question, from all there are: no counter, no favourite, no
relation between the two.""",
        at_once=20,
        per_port=1,
    ),
    "under_load": guessing(
        "IDs and source ports cannot be guessed under load either",
        """Under load a socket may carry a few questions, eight at most, each under an ID of its
own and drawn from many sockets: the next port still cannot be told from the last.""",
        at_once=200,
        per_port=8,
    ),
}
