"""A user's own unbound.conf in a seat: as it is, but for where it lives, listens and writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from lab.exchange.source import Source, has_wildcards, located
from lab.exchange.unbound_syntax import Directive, directives_of
from lab.subjects.adopting import Edit, Taking, adopt_files, own_words
from lab.subjects.rendering import FOLDER
from lab.subjects.subject import Sitting
from lab.subjects.unbound_resolver import LAB, in_the_lab
from resolver.config import DnsTranslatorConfig
from resolver.programs import listens

_LISTENING: Final = frozenset(
    {"interface", "ip-address", "interface-automatic", "interface-automatic-ports", "port"}
)
_SET: Final[Mapping[str, str]] = {
    "directory": f'"{FOLDER}"',
    "chroot": '""',
    "username": '""',
    "pidfile": '""',
    "logfile": '""',
    "do-daemonize": "no",
    "use-syslog": "no",
    "use-systemd": "no",
    "control-enable": "no",
}
"""What has another value in the lab."""
_DEBIANS_ANCHOR: Final = Path("/usr/share/dns/root.key")
"""Debian's /usr/libexec/unbound-helper, root_trust_anchor_update: what becomes root.key."""
_INCLUDES: Final = frozenset({"include", "include-toplevel"})
_FILES: Final = frozenset(
    {
        "root-hints",
        "trust-anchor-file",
        "auto-trust-anchor-file",
        "trusted-keys-file",
        "tls-service-key",
        "tls-service-pem",
        "tls-cert-bundle",
        "zonefile",
    }
)


def adopted(sitting: Sitting, config: Path) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(files, overrides). Raises CannotFill and OSError."""
    taken = adopt_files(config, lambda source, taking: _edits(source, taking, sitting))
    lines = ["server:", *(f"    interface: {address}" for address in _addresses(sitting))]
    if isinstance(sitting.config, DnsTranslatorConfig) and sitting.config.foreign_addresses:
        lines.append("    ip-transparent: yes")
    own = "\n".join(lines) + "\n"
    _, text = in_the_lab(taken.files[0][0])
    overrides = (*taken.overrides, f"{LAB}: listens on {', '.join(_addresses(sitting))}")
    return (*taken.files, (LAB, f"{text}\n{own}")), overrides


def _edits(source: Source, taking: Taking, sitting: Sitting) -> Iterator[Edit]:
    for directive in directives_of(source):
        key, written = directive.keyword, own_words(each.text for each in directive.values)
        if key in _INCLUDES:
            yield from _included(directive, taking)
        elif key in _LISTENING:
            told = f'"{key}: {written}" is taken away: the lab says where it listens'
            yield Edit(directive.start, directive.end, "", told)
        elif key == "outgoing-interface" and directive.text not in sitting.node.addresses():
            told = f'"{key}: {written}" is taken away: the node has no such address'
            yield Edit(directive.start, directive.end, "", told)
        elif key in _SET:
            if key == "directory":
                taking.folders.append(Path(directive.text))
            told = f'"{key}: {written}" is {_SET[key].replace(FOLDER, "its own folder")} here'
            yield Edit(directive.start, directive.end, f"{key}: {_SET[key]}", told)
        elif key == "auto-trust-anchor-file" and _is_to_come(directive.text, taking):
            value, anchor = directive.values[0], taking.plain(str(_DEBIANS_ANCHOR))
            told = (
                f'"{key}: {written}" is a copy of {_DEBIANS_ANCHOR}, as Debian\'s service makes it'
            )
            yield Edit(value.start, value.end, f'"{anchor}"', told)
        elif key in _FILES and directive.text:
            value = directive.values[0]
            yield Edit(value.start, value.end, f'"{_taken(directive, taking)}"')


def _included(directive: Directive, taking: Taking) -> Iterable[Edit]:
    value = directive.values[0]
    if has_wildcards(value.text):
        files = taking.several(value.text)
        text = "\n".join(f'{directive.keyword}: "{file}"' for file in files)
        return [Edit(directive.start, directive.end, text)]
    return [Edit(value.start, value.end, f'"{taking.config(value.text)}"')]


def _taken(directive: Directive, taking: Taking) -> str:
    """A zone that comes from elsewhere has no file yet."""
    written = directive.values[0].text
    if directive.keyword == "zonefile" and not any(
        (folder / written).exists() for folder in (Path(), *taking.folders)
    ):
        return f"{FOLDER}/{Path(written).name}"
    return taking.plain(written)


def _is_to_come(written: str, taking: Taking) -> bool:
    """Whether a trust anchor is made by the service's first start, as that of Debian's package."""
    there = located(written, *taking.folders).exists()
    return written != "" and not there and _DEBIANS_ANCHOR.is_file()


def _addresses(sitting: Sitting) -> tuple[str, ...]:
    return tuple(dict.fromkeys(end.address for end, *_ in listens(sitting.config)))
