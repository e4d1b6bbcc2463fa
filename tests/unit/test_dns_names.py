"""Names as text and on the wire."""

from __future__ import annotations

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import domain_names, labels

from resolver.dns import names
from resolver.dns.names import MalformedName, is_at_or_below, normalise


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Internet.Intern.NETZ.", "internet.intern.netz"),
        ("intern.netz", "intern.netz"),
        (".", "."),
        ("", "."),
        (r"a\.b.c", r"a\046b.c"),
        (r"\065.c", "a.c"),
        (r"a\\b", r"a\092b"),
        (r"\000.x", r"\000.x"),
    ],
)
def test_a_name_has_one_spelling(written, normal):
    assert normalise(written) == normal


@pytest.mark.parametrize(
    "written",
    ["a..b", ".a", "a" * 64, ".".join(["a" * 63] * 4), "bücher.de", "a\\", r"\256.a", ".."],
)
def test_a_name_that_is_none_is_refused(written):
    with pytest.raises(MalformedName):
        normalise(written)


@pytest.mark.parametrize(
    ("name", "zone", "below"),
    [
        ("internet.intern.netz", "intern.netz", True),
        ("INTERN.netz", "intern.NETZ", True),
        ("myintern.netz", "intern.netz", False),
        ("netz", "intern.netz", False),
        ("anything", ".", True),
        (".", ".", True),
        (".", "netz", False),
        (r"a\046intern.netz", "intern.netz", False),
    ],
)
def test_below_is_decided_label_by_label(name, zone, below):
    assert is_at_or_below(name, zone) is below


@given(domain_names(), domain_names())
def test_below_agrees_with_comparing_labels(name, zone):
    upper = [label.lower() for label in names.to_labels(name)]
    lower = [label.lower() for label in names.to_labels(zone)]
    assert is_at_or_below(name, zone) == (upper[len(upper) - len(lower) :] == lower
                                          and len(upper) >= len(lower))  # fmt: skip


@given(domain_names(labels))
def test_the_wire_gives_back_every_label(name):
    wire = names.to_wire(name)
    assert names.from_wire(b"head" + wire + b"tail", 4) == (name, 4 + len(wire))
    assert names.from_labels(names.to_labels(name)) == name


@given(domain_names(labels))
def test_dnspython_reads_the_same_labels(name):
    theirs, _ = dns.name.from_wire(names.to_wire(name), 0)
    assert theirs.labels[:-1] == names.to_labels(name)
    assert normalise(str(theirs)) == name.lower()


@given(domain_names())
def test_ancestors_lead_to_the_root_one_label_at_a_time(name):
    ancestors = list(names.with_ancestors(name))
    assert ancestors[0] == name
    assert ancestors[-1] == names.ROOT
    assert [names.depth(ancestor) for ancestor in ancestors] == list(
        range(names.depth(name), -1, -1)
    )


@pytest.mark.parametrize(
    "wire",
    [
        b"\xc0\x00",  # to itself
        b"\x01a\xc0\x00",  # to its own first label
        b"\xc0\x02\xc0\x00",  # forward
        b"\x40a\0",  # an extended label
        b"\x80a\0",
        b"\x05abc",  # cut off
        b"\x01a",  # no end
        b"\xc0",  # half a pointer
        b"",
        (b"\x3f" + b"a" * 63) * 4 + b"\0",  # 257 octets
    ],
)
def test_a_broken_name_is_refused(wire):
    with pytest.raises(MalformedName):
        names.from_wire(wire, 0)


def test_a_chain_of_pointers_may_grow_a_name_up_to_its_limit_only():
    # Each name is one label and a pointer to the one before.
    message = b"\x3f" + b"a" * 63 + b"\0"
    starts = [0]
    for _ in range(3):
        starts.append(len(message))
        message += b"\x3f" + b"b" * 63 + bytes((0xC0 | starts[-2] >> 8, starts[-2] & 0xFF))
    assert names.depth(names.from_wire(message, starts[2])[0]) == 3
    with pytest.raises(MalformedName):
        names.from_wire(message, starts[3])


def test_pointers_that_lead_to_pointers_are_not_followed_for_long():
    # Thousands fit into a datagram, and thousands of names that begin with the last one.
    message = b"\0" + b"".join(
        (0xC000 | max(0, at - 2)).to_bytes(2, "big") for at in range(1, 2000, 2)
    )
    assert names.from_wire(message, 2 * 126 - 1) == (".", 2 * 126 + 1)
    with pytest.raises(MalformedName, match="pointers"):
        names.from_wire(message, 2 * 127 - 1)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_octets_are_a_name_or_refused(message, offset):
    try:
        name, behind = names.from_wire(message, offset)
    except MalformedName:
        return
    assert offset < behind <= len(message)
    assert len(names.to_wire(name)) <= names.MAX_NAME
