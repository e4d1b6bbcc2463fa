"""How many files a program takes, and how many questions it puts at once with them."""

from __future__ import annotations

import resource
from dataclasses import dataclass

import pytest
from dns_upstreams import FIRST, HERE, Stage, silent

from resolver import limits
from resolver.config import DnsTranslatorConfig, ForwardRule, ResolverConfig
from resolver.dns.message import Question, Rcode, build_query, question_wire
from resolver.dns.message_reading import parse_reply
from resolver.machine import Endpoint, MessageArrived, Open, Send, Transport
from resolver.programs import machine_for
from resolver.shells import files
from resolver.shells.files import questions_in, take_files
from resolver.shells.limits import FILES_BESIDE_QUESTIONS, FILES_TAKEN, MAX_ACCEPTED_STREAMS

UNLIMITED = resource.RLIM_INFINITY


@dataclass
class Host:
    """What the kernel says of open files, and what it is told."""

    limits: tuple[int, int]

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.limits

    def setrlimit(self, which: int, wanted: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        assert wanted[0] <= wanted[1] or wanted[1] == UNLIMITED
        self.limits = wanted


@pytest.mark.parametrize(
    ("before", "after", "files_there"),
    [
        ((1024, 524_288), (FILES_TAKEN, 524_288), FILES_TAKEN),
        ((1024, 4096), (4096, 4096), 4096),
        ((1024, 1024), (1024, 1024), 1024),
        ((1024, UNLIMITED), (FILES_TAKEN, UNLIMITED), FILES_TAKEN),
        ((20_000, 20_000), (20_000, 20_000), 20_000),
        ((UNLIMITED, UNLIMITED), (UNLIMITED, UNLIMITED), FILES_TAKEN),
    ],
)
def test_files_are_taken_as_far_as_needed_and_allowed(before, after, files_there, monkeypatch):
    host = Host(before)
    monkeypatch.setattr(files.resource, "getrlimit", host.getrlimit)
    monkeypatch.setattr(files.resource, "setrlimit", host.setrlimit)
    assert take_files() == files_there
    assert host.limits == after


@pytest.mark.parametrize("count", [0, 100, 1024, 4096, FILES_TAKEN])
def test_streams_and_questions_never_need_more_files_than_there_are(count):
    questions = questions_in(count)
    others = MAX_ACCEPTED_STREAMS + FILES_BESIDE_QUESTIONS
    assert 1 <= questions <= limits.RESOLUTIONS_IN_FLIGHT
    assert questions == 1 or questions + others <= count


def test_what_is_taken_is_enough_for_all_that_is_allowed():
    assert questions_in(FILES_TAKEN) == limits.RESOLUTIONS_IN_FLIGHT


@pytest.mark.parametrize(
    "config",
    [
        ResolverConfig((HERE,), forward=(ForwardRule("z", (FIRST,)),)),
        DnsTranslatorConfig((HERE,), "z", (FIRST,)),
    ],
    ids=["resolver", "translator"],
)
def test_no_more_questions_are_put_than_there_are_sockets(config):
    stage = Stage({FIRST: silent})
    machine = machine_for(config, stage.resolver._selection, stage.resolver._selection, 2)
    client = Endpoint("192.168.1.50", 40_000)
    opened, failed = 0, []
    for number in range(3):
        payload = build_query(number, question_wire(Question(f"n{number}.z", 1)), edns=None)
        arrived = MessageArrived(f"client {number}", payload, Transport.UDP, client, HERE)
        for effect in machine.handle(arrived, 0):
            opened += isinstance(effect, Open)
            if isinstance(effect, Send) and not isinstance(effect.flow, int):
                failed.append((effect.flow, parse_reply(effect.payload).rcode))
    assert opened == 2
    assert failed == [("client 2", Rcode.SERVFAIL)]
