"""What of a user's recursor.conf is set otherwise in a seat, and which files it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lab.exchange.option_lines import Option, recursor_options
from lab.exchange.source import Source
from lab.subjects.adopting import FOLDER, Edit, Taking, own_words
from lab.subjects.rendering import with_port
from resolver.machine import Endpoint

_TAKEN_AWAY: Final = {
    "local-port": "the seat's port is 53",
    "setuid": "it runs as who starts it",
    "setgid": "it runs as who starts it",
    "chroot": "it runs in no other root",
    "socket-owner": "it runs as who starts it",
    "socket-group": "it runs as who starts it",
    "daemon": "it runs in the foreground",
    "write-pid": "no file is written",
    "disable-syslog": "its log goes to the report",
    "logging-facility": "its log goes to the report",
    "webserver": "no web server in the lab",
    "api-config-dir": "no web server in the lab",
    "carbon-server": "no metrics leave the lab",
    "snmp-agent": "no metrics leave the lab",
    "include-dir": "its files stand below",
    "cpu-map": "the lab shares its processors",
}
_FILES: Final = (
    "hint-file",
    "lua-config-file",
    "lua-dns-script",
    "forward-zones-file",
    "allow-from-file",
    "allow-notify-for-file",
    "allow-notify-from-file",
    "public-suffix-list-file",
    "etc-hosts-file",
)
"""Settings that name one file each."""


def edits(source: Source, taking: Taking, listen: Iterable[Endpoint]) -> Iterator[Edit]:
    """The edits of the main file, and of those of its include-dir."""
    main = len(taking.texts) == 1
    addresses = ", ".join(map(with_port, listen))
    includes: list[str] = []
    for option in recursor_options(source):
        if option.key == "local-address":
            yield _instead(option, f"local-address={addresses}", f"listens at {addresses} instead")
        elif option.key == "socket-dir":
            yield _instead(
                option, f"socket-dir={FOLDER}", "its socket is in the server's own folder"
            )
        elif option.key in _TAKEN_AWAY:
            if option.key == "include-dir" and option.value:
                includes += _texts(taking, option.value)
            yield _instead(option, "", _TAKEN_AWAY[option.key])
        elif option.key in _FILES and option.value not in {"", "no"}:
            yield _instead(option, f"{option.key}={taking.plain(option.value)}", "")
        elif option.key == "auth-zones":
            yield _instead(option, _with_zones(option, taking), "")
    if main:
        end = len(source.text)
        own = f"local-address={addresses}\nsocket-dir={FOLDER}\ndaemon=no\ndisable-syslog=yes\n"
        told = f"local-address={addresses}, socket-dir and daemon=no are set at the end"
        yield Edit(end, end, "\n".join(("", *includes, own)), told)


def _instead(option: Option, text: str, why: str) -> Edit:
    written = own_words([f"{option.key}={option.value}"])
    return Edit(option.start, option.end, text, f"{written}: {why}" if why else "")


def _with_zones(option: Option, taking: Taking) -> str:
    pairs = (each.partition("=") for each in option.value.replace(",", " ").split())
    return "auth-zones=" + ", ".join(f"{name}={taking.plain(path)}" for name, _, path in pairs)


def _texts(taking: Taking, folder: str) -> list[str]:
    """The included files' texts, in the order in which they are read."""
    names = (each.rpartition("/")[2] for each in taking.several(f"{folder}/*.conf"))
    return [taking.texts.pop(name) for name in names]
