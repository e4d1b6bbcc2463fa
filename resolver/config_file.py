"""Configuration files: TOML in, frozen configs out, and back.

The format is the dataclasses of `resolver.config`, read off their annotations, so a new field needs
no line here. Four things differ in a file: the key `program` says which dataclass is meant, a
duration `timeout_ns` is written in seconds as `timeout_s` (exact: decimals are never made floats),
an endpoint is written "192.168.1.53:53" or "[fd00::1]:53", and a zone may name the `file` that its
text stands in. Addresses and networks are brought into canonical form on the way in, because they
are compared with what the kernel reports.

All problems are reported at once, each as `FILE: place: what is wrong; what to do`.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import tomli_w

from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    ForwardRule,
    HostedZone,
    NatConfig,
    ProgramConfig,
    ResolverConfig,
    ServiceConfig,
)
from resolver.config_values import Unusable, found, one_of, read_value
from resolver.machine import SECOND, Endpoint

PROGRAMS: Final[Mapping[str, type[ProgramConfig]]] = {
    "resolver": ResolverConfig,
    "balancer": BalancerConfig,
    "service": ServiceConfig,
    "nat": NatConfig,
    "dns-translator": DnsTranslatorConfig,
}

_NOT_EMPTY: Final = frozenset(
    {"listen", "servers", "addresses", "members", "table", "inside", "outside_addresses"}
)
"""Lists that make no sense without an element."""

_MAY_BE_EMPTY: Final = frozenset({(ForwardRule, "servers"), (NatConfig, "table")})
"""The same names where an empty list says something: a rule that ends forwarding, a translator
whose machines all share addresses."""


class ConfigError(Exception):
    """A configuration file that cannot be used; every problem is in it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        """`FILE: place: what is wrong; what to do`, one line each."""


def program_name(config: ProgramConfig) -> str:
    """The `program` key of a configuration: "resolver", "balancer", …"""
    return next(name for name, kind in PROGRAMS.items() if type(config) is kind)


def read_config(path: Path) -> ProgramConfig:
    """The configuration in a TOML file. Raises ConfigError with all problems of the file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _refusal(path, "file", reason, "check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise _refusal(path, f"octet {error.start}", "not UTF-8", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rstrip(")").partition(" (at ")
        raise _refusal(path, where or "file", what, "correct the TOML syntax there") from None
    name = table.pop("program", None)
    if name is None:
        raise _refusal(path, "program", "missing", f"add program = {one_of(PROGRAMS)}")
    if not isinstance(name, str) or name not in PROGRAMS:
        raise _refusal(path, "program", f"{name!r} is no program", _nearest(str(name), PROGRAMS))
    reader = _Reader(path)
    config = reader.record(PROGRAMS[name], table, "")
    if isinstance(config, ResolverConfig):
        reader.look_for_contradictions(config)
    elif isinstance(config, NatConfig):
        reader.look_for_work(config)
    if reader.problems:
        raise ConfigError(tuple(reader.problems))
    return cast("ProgramConfig", config)


def render_config(config: ProgramConfig) -> str:
    """The TOML text that `read_config` reads back as an equal value; defaults are spelled out."""
    table = {"program": program_name(config), **_as_table(config)}
    # A multi-line TOML string cannot hold a carriage return: its line ends are normalised.
    has_carriage_return = any("\r" in text for text in _strings_in(table))
    return tomli_w.dumps(table, multiline_strings=not has_carriage_return)


class _Reader:
    """Turns parsed TOML into dataclasses and keeps every problem it meets."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[str] = []

    def record(self, kind: type[Any], table: Mapping[str, Any], place: str) -> object:
        """An instance of the dataclass `kind`; None when there was a problem below `place`."""
        known = {_key(field.name): field for field in dataclasses.fields(kind)}
        for key in table.keys() - known.keys():
            self._complain(_join(place, key), "unknown key", _nearest(key, known))
        annotations = get_type_hints(kind)
        values: dict[str, object] = {}
        complaints = len(self.problems)
        for key, field in known.items():
            where = _join(place, key)
            if table.get(key) == [] and _wants_an_element(kind, field.name):
                self._complain(where, "is empty", "name at least one")
            elif key in table:
                values[field.name] = self._value(
                    annotations[field.name], table[key], where, field.name
                )
            elif _is_required(field):
                self._complain(where, "missing", f"add `{key} = …`")
        return None if len(self.problems) > complaints else kind(**values)

    def look_for_contradictions(self, config: ResolverConfig) -> None:
        """Complain of what would be followed, and could never be of any use."""
        for index, rule in enumerate(config.forward):
            place = f"forward[{index}]"
            if rule.recursion and not config.recursion:
                self._complain(
                    f"{place}.recursion",
                    "there is no own recursion to fall back on",
                    "write recursion = true at the top, or leave it out here",
                )
            for number, server in enumerate(rule.servers):
                if server in config.listen:
                    self._complain(
                        f"{place}.servers[{number}]",
                        "is this server itself",
                        "name another one, or leave it out",
                    )

    def look_for_work(self, config: NatConfig) -> None:
        """Complain of a translator that would translate nothing."""
        if not config.table and config.napt is None:
            self._complain(
                "table", "is empty, and there is no napt", "name at least one pair, or add [napt]"
            )

    def _value(self, annotation: Any, value: object, place: str, field: str) -> object:
        if get_origin(annotation) in {Union, types.UnionType}:  # `… | None`: TOML has no null
            annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
        try:
            if annotation is HostedZone:
                value = self._with_text(_table(value))
            if dataclasses.is_dataclass(annotation) and annotation is not Endpoint:
                return self.record(cast("type[Any]", annotation), _table(value), place)
            if get_origin(annotation) in {tuple, frozenset}:
                return self._sequence(annotation, value, place, field)
            return read_value(annotation, value, field)
        except Unusable as wrong:
            self._complain(place, *wrong.args)
            return None

    def _sequence(self, annotation: Any, value: object, place: str, field: str) -> object:
        if not isinstance(value, list):
            raise Unusable(found(value), "write a list: [ … ]")
        kinds = get_args(annotation)
        collection = get_origin(annotation)
        if collection is frozenset or kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        if len(value) != len(kinds):
            raise Unusable(f"has {len(value)} elements", f"write exactly {len(kinds)}")
        read = collection(
            self._value(kind, element, f"{place}[{index}]", field)
            for index, (kind, element) in enumerate(zip(kinds, value, strict=True))
        )
        if field == "listen" and len({*read} - {None}) < len(read) - read.count(None):
            raise Unusable("names an endpoint twice", "keep one of them")
        return read

    def _with_text(self, zone: Mapping[str, Any]) -> Mapping[str, Any]:
        """A zone's table with the text of the file it names."""
        if "text" not in zone and "file" not in zone:
            raise Unusable("has no records", 'add file = "the zone\'s master file", or text')
        if "file" not in zone:
            return zone
        if "text" in zone:
            raise Unusable("has both text and file", "keep one of them")
        if not isinstance(zone["file"], str):
            return {**zone, "text": ""}  # `file` is complained of where strings are
        file = self._path.parent / zone["file"]
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Unusable(f"{file}: {reason}", "correct the path, or its permissions") from None
        except UnicodeDecodeError as error:
            raise Unusable(f"{file}: octet {error.start} is not UTF-8", "save it so") from None
        except ValueError as error:  # no file has such a name
            raise Unusable(f"{file}: {error}", "correct the path") from None
        return {**zone, "text": text, "file": str(file)}

    def _complain(self, place: str, what: str, remedy: str) -> None:
        self.problems.append(f"{self._path}: {place}: {what}; {remedy}")


def _wants_an_element(kind: type[Any], field: str) -> bool:
    return field in _NOT_EMPTY and (kind, field) not in _MAY_BE_EMPTY


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unusable(found(value), "write a table with the keys it needs")
    return value


def _as_table(record: Any) -> dict[str, object]:
    return {
        _key(field.name): _as_toml(getattr(record, field.name), field.name)
        for field in dataclasses.fields(record)
        if getattr(record, field.name) is not None and field.compare
    }


def _as_toml(value: object, field: str) -> object:
    match value:
        case Endpoint():
            return str(value)
        case Enum():
            return value.value
        case frozenset():
            return sorted(value)
        case tuple():
            return [_as_toml(element, field) for element in value]
        case int() if field.endswith("_ns"):
            whole, rest = divmod(value, SECOND)
            # Built from digits: the Decimal context would round a quotient.
            return Decimal(f"{whole}.{rest:09}".rstrip("0")) if rest else whole
    return _as_table(value) if dataclasses.is_dataclass(value) else value


def _strings_in(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for element in value:
                yield from _strings_in(element)
        case dict():
            for element in value.values():
                yield from _strings_in(element)


def _key(field: str) -> str:
    """The file's key for a dataclass field: durations are seconds in the file."""
    return f"{field[:-3]}_s" if field.endswith("_ns") else field


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _refusal(path: Path, place: str, what: str, remedy: str) -> ConfigError:
    return ConfigError((f"{path}: {place}: {what}; {remedy}",))


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _nearest(word: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"write {one_of(known)}"
