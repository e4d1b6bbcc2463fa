"""What may stand in a scenario: every slip is refused where it is written, with a remedy."""

import math

import pytest
from dnslib import QTYPE, DNSRecord
from pydantic import ValidationError

from lab.judge.checks import NeverConnected
from lab.scenario import packets
from lab.scenario.catalogue import CatalogueError, load_module
from lab.scenario.model import (
    Ask,
    Await,
    Connect,
    Datagram,
    Elapse,
    Expectation,
    Forge,
    Misconfigure,
    Ping,
    Repeat,
    RewriteAnswers,
    Scenario,
    Script,
    Step,
    Until,
)
from lab.values import QUERY_TYPES

FORGERY = {"forger": "stranger", "victim": "dns", "fault": "id"}
NEVER = Expectation(text="never", rules=("CLU-04",), check=NeverConnected())


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        (Ask, {"qtype": "FOO"}, "no query type 'FOO'; write one such as A, AAAA"),
        (Ask, {"qtype": "aaaa"}, "no query type 'aaaa'; did you mean 'AAAA'?"),
        (Ask, {"server": "abc"}, "'abc' is no IP address; write one such as"),
        (Ask, {"server": "fe80::1%eth0"}, "names an interface"),
        (Ask, {"name": "a..b"}, "no DNS name: 'a..b' has an empty label"),
        (Ask, {"name": "x" * 64 + ".de"}, "no DNS name: "),
        (Ask, {"name": ""}, "'' is no DNS name; write '.' for the root"),
        (Ask, {"patience_s": -1}, "greater than or equal to 0"),
        (Ask, {"wait": False, "label": ""}, "at least 1 character"),
        (Connect, {"to": "300.1.1.1"}, "'300.1.1.1' is no IP address; write one such as"),
        (Connect, {"port": 99999}, "less than or equal to 65535"),
        (Connect, {"port": 0}, "greater than or equal to 1"),
        (Ping, {"to": "server1"}, "'server1' is no IPv4 address; write one such as"),
        (Ping, {"to": "::1"}, "'::1' is no IPv4 address"),
        (Ping, {"to": "10.0.0.1", "ttl": 256}, "less than or equal to 255"),
        (Datagram, {"to": "10.0.0.1", "port": 70000}, "less than or equal to 65535"),
        (Forge, FORGERY | {"address": "foo"}, "'foo' is no IPv4 address"),
        (Elapse, {"seconds": math.nan}, "finite number"),
        (Elapse, {"seconds": math.inf}, "finite number"),
        (Elapse, {"seconds": -0.1}, "greater than or equal to 0"),
        (Repeat, {"times": 0, "steps": (Ask(),)}, "greater than or equal to 1"),
        (Repeat, {"times": 1, "steps": ()}, "at least 1 item"),
        (Until, {"answer": "has", "deadline_s": 1, "steps": (Ask(),)}, "name a server with"),
        (
            Until,
            {"answer": "is-empty", "server": "server1", "deadline_s": 1, "steps": (Ask(),)},
            "name a server with",
        ),
        (
            Until,
            {"answer": "is-empty", "every_s": 0, "deadline_s": 1, "steps": (Ask(),)},
            "greater than 0",
        ),
        (Script, {"rcode": "SERVFAL"}, "no RCODE 'SERVFAL'; did you mean 'SERVFAIL'?"),
        (Script, {"answers": ("zzz",)}, "'zzz' is no IPv4 address"),
        (Script, {"ttl_s": -1}, "greater than or equal to 0"),
        (Script, {"delay_s": math.inf}, "finite number"),
    ],
)
def test_a_value_that_is_none_is_refused(kind, fields, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind(**fields)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("qtype", sorted(QUERY_TYPES))
def test_a_question_of_every_type_is_read_as_what_was_asked(qtype: str) -> None:
    sent = packets.question("www.example.net", qtype, 1)
    assert QTYPE[DNSRecord.parse(sent).q.qtype] == Ask(qtype=qtype).qtype


def test_an_address_has_the_spelling_of_captures() -> None:
    assert Ask(server="FD00:20:0::7").server == "fd00:20::7"


def scenario_of(*steps: Step) -> Scenario:
    return Scenario(title="-", story="-", topology="cluster", steps=steps, expectations=(NEVER,))


OPENED, AWAITED = Ask(wait=False, label="q"), Await(label="q")


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ((OPENED,), "Ask(label='q') is never awaited; add Await(label='q')"),
        ((OPENED, OPENED, AWAITED), "Ask(label='q') comes twice"),
        ((OPENED, AWAITED, AWAITED), "Await('q') has no Ask(wait=False) before it"),
        ((OPENED, Repeat(times=2, steps=(AWAITED,))), "has no Ask(wait=False) before it"),
        ((Repeat(times=2, steps=(OPENED,)), AWAITED), "is never awaited"),
        (
            (Repeat(times=2, steps=(Misconfigure(fault=RewriteAnswers()),)),),
            "Misconfigure steps come first",
        ),
    ],
)
def test_steps_that_make_no_sense_together_are_refused(steps, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        scenario_of(*steps)
    assert complaint in str(caught.value)


def test_a_question_may_be_opened_and_awaited_again_and_again() -> None:
    scenario = scenario_of(
        OPENED, AWAITED, OPENED, AWAITED, Repeat(times=2, steps=(OPENED, AWAITED))
    )
    assert scenario == Scenario.model_validate_json(scenario.model_dump_json())


# --- as a module's author sees it ---------------------------------------------------------------

HEAD = """\
from lab.judge.checks import *
from lab.scenario.model import *
def sc(*steps, check=Answered(), **more):
    return Scenario(title="-", story="-", topology="cluster", steps=steps,
        expectations=(Expectation(text="-", rules=("CLU-02",), check=check),), **more)
SCENARIO = """


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('sc(Ask(qtype="AAA"))', "line 6, Ask.qtype: no query type 'AAA'; did you mean 'AAAA'?"),
        ('sc(Ask(nod="viewer"))', "line 6, Ask.nod: no field 'nod'; did you mean 'node'?"),
        ('sc(check=Answered(askr="x"))', "Answered.askr: no field 'askr'; did you mean 'asker'?"),
        ("sc(Ask(), stroy=3)", "line 4, Scenario.stroy: "),
        ("sc(Halt())", "line 6, Halt.node: is missing; write node=..."),
        ('sc(Ask(transport="x"))', "Ask.transport: 'x' is not known; write 'udp' or 'tcp'"),
        ('sc(Script(answers=("x",)))', "Script.answers[0]: 'x' is no IPv4 address; "),
        ("sc(Connect(port=0))", "Connect.port: 0 does not fit; it should be greater than or "),
        ("sc(Answered())", "Scenario.steps[0]: Answered("),
        ("sc(5)", "Scenario.steps[0]: 5 is none of what may stand here; known are Ask, AskMany, "),
        ("sc(Ask(), check=Ask())", "is none of what may stand here; known are Alias"),
        ("sc(Reconfigure(node='dns', changes=(5,)))", "known are SetZone, RemoveZone, SetForward"),
        ("sc(Ask(message=Message(qclas='CH')))", "Message.qclas: no field 'qclas'; did you mean "),
        ("sc(Script(replies=(Reply(nam='a'),)))", "Reply.nam: no field 'nam'; did you mean 'name'"),
        ("sc(Script(replies=(Reply(answer=('x',)),)))", "Reply.answer[0]: 'x' is no record; "),
        ("sc(AskMany(name='{n}..', count=2))", "AskMany: no DNS name: "),
        ("sc(Await(label='q'))", "line 4, Scenario: Await('q') has no Ask(wait=False) before it; "),
        ("(", "line 6: '(' was never closed; correct the Python there"),
        ("Askk()", "line 6: name 'Askk' is not defined; correct the name, or import it"),
        ("{}['a']", "line 6: KeyError: 'a'; correct it: "),
        ("1\nimport nowhere", "line 7: No module named 'nowhere'; correct the name, or install "),
        (
            "1\nfrom lab.scenario.model import Conect",
            "line 7: lab.scenario.model has no 'Conect'; did you mean 'Connect'?",
        ),
        ("'\\n'; raise ValueError('one\\ntwo')", "line 6: ValueError: one two; correct it: "),
    ],
)
def test_a_slip_is_told_with_file_place_and_remedy(tmp_path, text: str, complaint: str) -> None:
    path = tmp_path / "slip.py"
    path.write_text(HEAD + text)
    with pytest.raises(CatalogueError) as caught:
        load_module(path, "slip")
    told = str(caught.value)
    assert told.startswith(f"{path}: line ")
    assert complaint in told
    assert len(told.splitlines()) == 1
    assert "; " in told
    assert "Value error" not in told


def test_a_file_that_cannot_be_decoded_is_told(tmp_path) -> None:
    path = tmp_path / "slip.py"
    path.write_bytes(b"# \xff\n")
    with pytest.raises(CatalogueError) as caught:
        load_module(path, "slip")
    assert str(caught.value).startswith(f"{path}: ")


def test_the_place_of_a_variant_names_it(tmp_path) -> None:
    path = tmp_path / "slip.py"
    text = HEAD.replace("SCENARIO = ", "SCENARIOS = ").replace("CLU-02", "CLU-2")
    path.write_text(text + '{"one": sc(Ask())}')
    with pytest.raises(CatalogueError) as caught:
        load_module(path, "slip")
    assert str(caught.value).startswith(f"{path}: SCENARIOS['one'].expectations[0].rules: ")
