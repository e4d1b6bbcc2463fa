"""What becomes of a server's configuration when the operator changes it."""

import re

import pytest
from pydantic import ValidationError

from lab.scenario.changes import changed
from lab.scenario.model import RemoveForward, RemoveZone, SetForward, SetZone
from resolver.config import ForwardRule, HostedZone, ResolverConfig
from resolver.machine import SECOND, Endpoint

RECORDS = "@ 60 IN SOA ns hostmaster 2 3600 600 86400 60\n@ 60 IN NS ns\nns 60 IN A 192.168.1.53\n"
SERVERS = (Endpoint("192.168.1.1", 53), Endpoint("192.168.1.2", 53))
HOSTED = HostedZone("example.net", "old", file="example.net.zone")
RULE = ForwardRule("intern.netz", SERVERS, timeout_ns=SECOND, recursion=True)
CONFIG = ResolverConfig(
    listen=(Endpoint("192.168.1.53", 53),), zones=(HOSTED,), forward=(RULE,), recursion=True
)


def test_a_zone_comes_changes_and_goes() -> None:
    both = changed(CONFIG, [SetZone(origin="Example.org.", records=RECORDS)])
    assert both.zones == (HOSTED, HostedZone("example.org", RECORDS))
    assert changed(both, [RemoveZone(origin="example.ORG")]) == CONFIG
    other = changed(CONFIG, [SetZone(origin="EXAMPLE.net", records=RECORDS)])
    assert other.zones == (HostedZone("example.net", RECORDS),)
    assert (other.forward, other.recursion) == (CONFIG.forward, True)


def test_a_rule_comes_changes_and_goes() -> None:
    one = ForwardRule("example.org", SERVERS[:1], timeout_ns=SECOND // 2)
    step = SetForward(zone="Example.org", servers=("192.168.1.1",), timeout_s=0.5)
    both = changed(CONFIG, [step])
    assert both.forward == (RULE, one)
    assert changed(both, [RemoveForward(zone="example.org.")]) == CONFIG
    cancelled = changed(CONFIG, [SetForward(zone="intern.netz")])
    assert cancelled.forward == (ForwardRule("intern.netz", ()),)


def test_changes_add_up_in_their_order() -> None:
    steps = (SetForward(zone="a"), SetForward(zone="b"), RemoveForward(zone="a"))
    assert [rule.zone for rule in changed(CONFIG, steps).forward] == ["intern.netz", "b"]


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (RemoveZone(origin="exmaple.net"), "no zone 'exmaple.net'; did you mean 'example.net'?"),
        (RemoveForward(zone="net"), "no forward rule for 'net'; known are intern.netz"),
    ],
)
def test_what_is_not_there_cannot_go(step, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        changed(CONFIG, [step])


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        (SetZone, {"origin": "a.test", "records": "www 60 IN A 10.0.0.1"}, "no SOA record"),
        (SetZone, {"origin": "a.test", "records": RECORDS + "www IN A 10"}, "line 4"),
        (SetZone, {"origin": "a..test", "records": RECORDS}, "no DNS name"),
        (SetForward, {"zone": "a", "servers": ("dns",)}, "'dns' is no IP address"),
        (SetForward, {"zone": "a", "timeout_s": 0}, "greater than 0"),
    ],
)
def test_a_change_that_cannot_be_is_refused(kind, fields, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind(**fields)
    assert complaint in str(caught.value)
