"""The corpus replayed, changed by hypothesis, and a short coverage-guided search from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS

import resolver.dns.message_reading
import resolver.nat.translator
from resolver.dns import full
from resolver.dns.reception import Reception
from resolver.machine import Send
from resolver.nat.packet import MalformedPacket

FOLDER = Path(__file__).parent
CORPUS = {name: sorted((FOLDER / "corpus" / name).iterdir()) for name in TARGETS}

SECONDS_EACH = 2


def test_each_target_has_a_corpus():
    assert {path.name for path in (FOLDER / "corpus").iterdir()} == set(TARGETS)
    assert all(len(files) >= 5 for files in CORPUS.values())


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_breaks_nothing(name):
    for path in CORPUS[name]:
        TARGETS[name](path.read_bytes())


@st.composite
def changed(draw, files):
    """A file of the corpus with octets overwritten, cut out, doubled or added."""
    octets = bytearray(draw(st.sampled_from(files)).read_bytes())
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(octets)))
        end = draw(st.integers(start, min(len(octets), start + 12)))
        octets[start:end] = draw(
            st.one_of(st.binary(max_size=12), st.just(bytes(octets[start:end]) * 2))
        )
    return bytes(octets)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_like_the_corpus_breaks_nothing(name, data):
    TARGETS[name](data.draw(changed(CORPUS[name])))


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_search_finds_nothing(name, tmp_path):
    found = search(name, tmp_path, f"-max_total_time={SECONDS_EACH}", "-max_len=4096")
    assert found.returncode == 0, found.stderr[-4000:]
    assert "Done " in found.stderr


def test_the_search_finds_what_a_target_forbids(tmp_path):
    """A fault that needs coverage to be found: octets in a certain order."""
    broken = tmp_path / "targets.py"
    broken.write_text(
        "def fragile(octets):\n"
        "    if octets[:1] == b'b':\n"
        "        if octets[1:2] == b'a':\n"
        "            if octets[2:3] == b'd':\n"
        "                raise RuntimeError('found it')\n"
        "TARGETS = {'fragile': fragile}\n"
    )
    (tmp_path / "fuzz.py").write_text(
        (FOLDER / "fuzz.py").read_text().replace('"lab",', '"targets",')
    )
    (tmp_path / "corpus" / "fragile").mkdir(parents=True)
    (tmp_path / "corpus" / "fragile" / "seed").write_bytes(b"xxx")
    found = search("fragile", tmp_path, "-max_total_time=60", script=tmp_path / "fuzz.py")
    assert found.returncode != 0
    assert "found it" in found.stdout + found.stderr


def test_a_target_that_is_not_there_is_named(tmp_path):
    found = search("nothing", tmp_path)
    assert found.returncode == 2
    assert "\nno target 'nothing'; write one of messages, " in found.stderr


def search(name, cwd, *options: str, script=FOLDER / "fuzz.py"):
    return subprocess.run(
        [sys.executable, str(script), name, "-seed=1", *options],
        capture_output=True, text=True, timeout=120, check=False, cwd=cwd,
        env={"PYTHONPATH": str(FOLDER.parents[1])},
    )  # fmt: skip


# --- each target notices what it is there for -------------------------------------------------


def seed(name, stem):
    return (FOLDER / "corpus" / name / stem).read_bytes()


def test_a_reader_that_raises_is_noticed(monkeypatch):
    monkeypatch.setattr(resolver.dns.message_reading, "_Unreadable", ())
    with pytest.raises(ValueError, match="a query, not a response"):
        TARGETS["messages"](seed("messages", "q-outside"))


def test_an_answer_too_many_is_noticed(monkeypatch):
    once = Reception.answer

    def twice(self, client, reply, now, effects):
        told = once(self, client, reply, now, effects)
        effects.append(Send(client.flow, reply))
        return told

    monkeypatch.setattr(Reception, "answer", twice)
    with pytest.raises(AssertionError, match="answered more than once"):
        TARGETS["clients"](seed("clients", "own-zone"))


def test_a_question_that_nobody_answers_is_noticed(monkeypatch):
    monkeypatch.setattr(full.Resolver, "_answer", lambda *_: None)
    with pytest.raises(AssertionError, match="0 answers to one question"):
        TARGETS["upstreams"](seed("upstreams", "answer"))


def test_a_wrong_checksum_is_noticed(monkeypatch):
    def spoil(packet, header, ttl):
        del header, ttl
        packet[10] ^= 1

    monkeypatch.setattr(resolver.nat.translator, "rewrite_ttl", spoil)
    with pytest.raises(MalformedPacket, match="checksum"):
        TARGETS["packets"](seed("packets", "udp"))


def test_a_stream_cut_wrongly_is_noticed(monkeypatch):
    monkeypatch.setattr("targets._reference_framing", lambda octets: iter([octets]))
    with pytest.raises(AssertionError):
        TARGETS["streams"](seed("streams", "two-messages"))
