r"""Domain names as text: presentation form without the final dot, the root as ".".

Inside a label only printable ASCII stands for itself; a dot, a backslash and every other octet are
written `\DDD` (RFC 1035 5.1). So a dot in a name's text always ends a label, and whether one name
lies below another is a comparison of text that is right label by label, for binary labels too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

ROOT: Final = "."

MAX_LABEL = 63
"""Octets (RFC 1035 2.3.4)."""
MAX_NAME = 255
"""Octets on the wire, lengths and root included (RFC 1035 2.3.4)."""
_MAX_POINTERS: Final = 126
"""As many as stand between the labels of the longest name. A datagram has room for thousands that
lead to one another and no label, and for thousands of names that begin with the last of them."""

_length_octets = tuple(bytes((length,)) for length in range(MAX_LABEL + 1))

_plain = re.compile(rb"[!-\-/-\[\]-~]+").fullmatch
_plain_or_dot = re.compile(rb"[!-\[\]-~]+").fullmatch
_written_labels = re.compile(r"((?:[^\\.]|\\[0-9]{3}|\\[^0-9])+)(\.|\Z)", re.DOTALL)
_escape = re.compile(r"\\([0-9]{3}|[^0-9])", re.DOTALL)


class MalformedName(ValueError):
    """A name that breaks RFC 1035: a label over 63 octets, a name over 255, a bad pointer."""


def normalise(text: str) -> str:
    """The one spelling of a name that all comparisons use: lower case, no final dot.

    Takes a name as a person writes it. Raises MalformedName, which says what is wrong with it.
    """
    # RFC 4343 3: only ASCII letters fold; an escape holds digits and is not touched.
    return from_text(text).lower()


def from_text(text: str) -> str:
    """A name as a person writes it in this module's spelling, case kept. Raises MalformedName."""
    return from_labels(tuple(_labels_as_written(text)))


def is_at_or_below(name: str, zone: str) -> bool:
    """Whether `name` is `zone` or lies below it, label by label, whatever the case of either.

    Both are names of this module; a name a person wrote goes through `normalise` first.
    """
    name, zone = name.lower(), zone.lower()
    return zone in {ROOT, name} or name.endswith("." + zone)


def with_ancestors(name: str) -> list[str]:
    """The name, then each of its ancestors, the root last."""
    line = []
    while name != ROOT:
        line.append(name)
        name = name.partition(".")[2] or ROOT
    line.append(ROOT)
    return line


def depth(name: str) -> int:
    """How many labels the name has; the root has none."""
    return 0 if name == ROOT else name.count(".") + 1


def from_labels(labels: tuple[bytes, ...]) -> str:
    """The text of a name from its labels, case kept. Raises MalformedName over RFC 1035's sizes."""
    if sum(map(len, labels)) + len(labels) + 1 > MAX_NAME:
        raise MalformedName(f"a name may have {MAX_NAME} octets (RFC 1035 2.3.4)")
    if any(not 0 < len(label) <= MAX_LABEL for label in labels):
        raise MalformedName(f"a label must have 1 to {MAX_LABEL} octets (RFC 1035 2.3.4)")
    return joined(labels)


def to_labels(name: str) -> tuple[bytes, ...]:
    """The labels of a name of this module, case kept."""
    if name == ROOT:
        return ()
    if "\\" not in name:
        return tuple(name.encode("ascii").split(b"."))
    return tuple(_unescape(label) for label in name.split("."))


def to_wire(name: str) -> bytes:
    """The name as it stands in a message, uncompressed."""
    if "\\" in name or name == ROOT:
        labels: Sequence[bytes] = to_labels(name)
    else:
        labels = name.encode("ascii").split(b".")
    return b"".join([_length_octets[len(label)] + label for label in labels]) + b"\0"


def from_wire(message: bytes, offset: int) -> tuple[str, int]:
    """Read the name at `offset`, following compression pointers.

    Returns the name, case kept, and the offset behind it. Raises MalformedName.
    """
    labels: list[bytes] = []
    octets = 1
    pointers = 0
    behind: int | None = None
    segment = offset
    try:
        while length := message[offset]:
            if length <= MAX_LABEL:
                octets += length + 1
                if octets > MAX_NAME:
                    raise MalformedName(f"a name may have {MAX_NAME} octets (RFC 1035 2.3.4)")
                # One cut short by the message's end is met by the next look at a length.
                labels.append(message[offset + 1 : offset + 1 + length])
                offset += length + 1
            elif length >= 0xC0:
                target = (length & 0x3F) << 8 | message[offset + 1]
                # RFC 1035 4.1.4: a pointer names a *prior* occurrence. Each must lead further
                # back than the last, so no chain of pointers can loop.
                if target >= segment:
                    raise MalformedName("a compression pointer does not lead back")
                pointers += 1
                if pointers > _MAX_POINTERS:
                    raise MalformedName("more compression pointers than a name has labels")
                behind = behind or offset + 2
                offset = segment = target
            else:
                raise MalformedName("a label of an unknown kind (RFC 6891 5)")
    except IndexError:
        raise MalformedName("a name runs over the end of the message") from None
    return joined(labels), behind or offset + 1


def _labels_as_written(text: str) -> Iterator[bytes]:
    if text in ("", ROOT):
        return
    if not text.isascii():
        raise MalformedName(f"{text!r} is not ASCII; write its A-label form (xn--…)")
    end = 0
    for match in _written_labels.finditer(text):
        if match.start() != end:
            break
        end = match.end()
        yield _unescape(match[1])
    if end != len(text):
        raise MalformedName(f"{text!r} has an empty label or a broken escape")


def joined(labels: Sequence[bytes]) -> str:
    """The text of a name from labels that have been found to keep to RFC 1035's sizes."""
    name = b".".join(labels)
    # Nearly every name needs no escape, and then it is looked at once and not label by label.
    if _plain_or_dot(name) and name.count(b".") == len(labels) - 1:
        return name.decode("ascii")
    return ".".join(map(_label_text, labels)) or ROOT


def _label_text(label: bytes) -> str:
    return "".join(chr(o) if _plain(bytes((o,))) else f"\\{o:03d}" for o in label)


def _unescape(label: str) -> bytes:
    try:
        return _escape.sub(
            lambda escaped: chr(int(escaped[1]) if escaped[1].isdigit() else ord(escaped[1])), label
        ).encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedName(f"{label!r} has an escape above 255") from None
