"""A user's own dnsmasq.conf in a seat: as it is, but for where it lives, listens and writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lab.exchange.option_lines import Option, dnsmasq_options
from lab.exchange.source import Source
from lab.subjects import dns_aliases
from lab.subjects.adopting import Edit, Taking, adopt_files
from lab.subjects.subject import CannotFill, Sitting
from resolver.config import DnsTranslatorConfig
from resolver.programs import listens

_TAKEN_AWAY: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "listen-address",
            "interface",
            "except-interface",
            "bind-interfaces",
            "bind-dynamic",
            "port",
            "local-service",
        ),
        "the lab says where it listens",
    ),
    **dict.fromkeys(("user", "group"), "it runs as who started it"),
    **dict.fromkeys(("pid-file", "log-facility"), "it writes nothing outside its own folder"),
    **dict.fromkeys(("enable-dbus", "enable-ubus"), "no control channel in the lab"),
    **dict.fromkeys(("enable-tftp", "enable-ra", "dhcp-range"), "the lab has DNS alone"),
}
_FILES: Final = frozenset({"resolv-file", "addn-hosts", "servers-file"})


def adopted(sitting: Sitting, config: Path) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(files, overrides). Raises CannotFill and OSError."""
    taken = adopt_files(config, _edits)
    (name, text), *others = taken.files
    ends = [end for end, *_ in listens(sitting.config)]
    if isinstance(sitting.config, DnsTranslatorConfig):
        own = dns_aliases.own_addresses(sitting.node, sitting.config)
        ends = [end for end in ends if end.address in own]
    addresses = list(dict.fromkeys(end.address for end in ends))
    lines = [
        "bind-interfaces",
        f"port={ends[0].port}",
        *(f"listen-address={one}" for one in addresses),
    ]
    text = f"{text.rstrip()}\n\n# Where it listens in the lab.\n" + "\n".join(lines) + "\n"
    return ((name, text), *others), (*taken.overrides, f"listens on {', '.join(addresses)}")


def _edits(source: Source, taking: Taking) -> Iterator[Edit]:
    for option in dnsmasq_options(source):
        key = option.key
        if key in _TAKEN_AWAY:
            told = f'"{_words(option)}" is taken away: {_TAKEN_AWAY[key]}'
            yield Edit(option.start, option.end, "", told)
        elif key == "conf-file":
            yield Edit(option.start, option.end, f"conf-file={taking.config(option.value)}")
        elif key == "conf-dir":
            yield _folder(option, taking)
        elif key in _FILES and option.value:
            yield Edit(option.start, option.end, f"{key}={taking.plain(option.value)}")
        elif key == "conf-script":
            line = source.line(option.start)
            raise CannotFill(f"{source.path}: line {line}: conf-script runs a program of the host")


def _folder(option: Option, taking: Taking) -> Edit:
    """Every file of a folder: dnsmasq(8), conf-dir: endings that are left out, or with a "*" the
    only ones that are read."""
    folder, *endings = option.value.split(",")
    only = tuple(each[1:] for each in endings if each.startswith("*"))
    never = tuple(each for each in endings if not each.startswith("*"))
    names = sorted(
        path.name
        for path in (Path(folder).iterdir() if Path(folder).is_dir() else ())
        if path.is_file()
        and not path.name.startswith((".", "#"))
        and not path.name.endswith("~")
        and (not only or path.name.endswith(only))
        and not (never and path.name.endswith(never))
    )
    taken = (taking.config(f"{folder}/{name}") for name in names)
    return Edit(option.start, option.end, "\n".join(f"conf-file={file}" for file in taken))


def _words(option: Option) -> str:
    return f"{option.key}={option.value}" if option.value else option.key
