"""Reading the PowerDNS Recursor's settings as YAML (recursor.yml, since 5.0).

Behaviour is as the Recursor's documentation says, page "PowerDNS Recursor New Style (YAML)
Settings"; the settings are named as there: "recursor.forward_zones".
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from lab.exchange.importing_recursor import VALIDATES, VALIDATING, read_zones_file, server_at
from lab.exchange.source import Source, located, read_source
from lab.exchange.table import Collected, prefix_text

_DEEPEST = 30
_RECURSES = frozenset({"true", "yes", "on"})


def read_recursor_yaml(source: Source, found: Collected) -> bool:
    """Collect what a recursor.yml says. Returns whether it recurses, which the Recursor always
    does where nothing forwards. Raises Unreadable."""
    found.files.append(str(source.path))
    root = _root(source)
    reader = _Reader(source, found)
    for name, stub in (("forward_zones", True), ("forward_zones_recurse", False)):
        reader.zones(reader.under(root, "recursor", name), stub=stub)
    for each in reader.items(reader.under(root, "recursor", "auth_zones")):
        zone = reader.text(reader.key(each, "zone"), each, "zone")
        found.host(source, _at(each), zone, "auth_zones")
    for each in reader.items(reader.under(root, "incoming", "listen")):
        found.listens.append(reader.text(each, each, "listen"))
    for each in reader.items(reader.under(root, "incoming", "allow_from")):
        prefix = prefix_text(reader.text(each, each, "allow_from"))
        found.clients += [prefix] if prefix is not None else []
    reader.files(root)
    return True


class _Reader:
    def __init__(self, source: Source, found: Collected) -> None:
        self._source, self._found = source, found

    def zones(self, node: yaml.Node | None, *, stub: bool) -> None:
        """The rows of forward_zones or forward_zones_recurse."""
        for row in self.items(node):
            zone = self.text(self.key(row, "zone"), row, "zone")
            recurse = self.key(row, "recurse")
            servers = [
                server_at(self._source, _at(each), self.text(each, each, "forwarders"))
                for each in self.items(self.key(row, "forwarders"))
            ]
            if not servers:
                raise self._wrong(row, f'"{zone}" has no forwarders', "write a list of addresses")
            asks_on = recurse is not None and self.text(recurse, row, "recurse") in _RECURSES
            self._found.entry(self._source, _at(row), zone, servers, stub=stub and not asks_on)

    def files(self, root: yaml.Node) -> None:
        """Settings that name further files."""
        further = self.under(root, "recursor", "forward_zones_file")
        if further is not None:
            written = self.text(further, further, "forward_zones_file")
            path = located(written, self._source.path.parent)
            if not path.is_file():
                self._tell(further, f"{written} is not here, so what it forwards is missing")
            elif path.suffix in {".yml", ".yaml"}:
                listed = read_source(path)
                self._found.files.append(str(path))
                _Reader(listed, self._found).zones(_root(listed), stub=True)
            else:
                read_zones_file(path, self._found)
        folder = self.under(root, "recursor", "include_dir")
        if folder is not None:
            self._tell(folder, "include_dir: its files are not read; import each by itself")
        for name in ("lua_config_file", "lua_dns_script"):
            script = self.under(root, "recursor", name)
            if script is not None:
                self._tell(script, f"{name}: it can change who is asked; it is not read")
        validation = self.under(root, "dnssec", "validation")
        if validation is not None and self.text(validation, validation, "validation") in VALIDATING:
            self._found.validates |= validation.value != "process"
            self._tell(validation, VALIDATES)

    # --- nodes ----------------------------------------------------------------------------------

    def under(self, node: yaml.Node | None, *names: str) -> yaml.Node | None:
        """What stands under these keys, one in the other; None where nothing does."""
        for name in names:
            node = self.key(node, name) if node is not None else None
        return node

    def key(self, node: yaml.Node | None, name: str) -> yaml.Node | None:
        """What stands at a key of a mapping."""
        if node is None or _is_nothing(node):
            return None
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, "no table of settings", f'write "{name}: ..." there')
        return next((value for key, value in node.value if key.value == name), None)

    def items(self, node: yaml.Node | None) -> Iterator[yaml.Node]:
        """The items of a list."""
        if node is None or _is_nothing(node):
            return
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, "no list", 'write each item on a line of its own, behind "- "')
        yield from node.value

    def text(self, node: yaml.Node | None, near: yaml.Node, name: str) -> str:
        """The text of a plain value."""
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node or near, f'"{name}" is no text', "write one behind it")
        return str(node.value)

    def _wrong(self, node: yaml.Node, what: str, remedy: str) -> Exception:
        return self._source.wrong(_at(node), what, remedy)

    def _tell(self, node: yaml.Node, text: str) -> None:
        self._found.remark(self._source, _at(node), text)


def _root(source: Source) -> yaml.Node:
    """The file as nodes, which know where they stand. Raises Unreadable."""
    try:
        # Composed, not constructed: no value of the file becomes an object of ours.
        _check_depth(source)
        node = yaml.compose(source.text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = mark.index if mark is not None else 0
        raise source.wrong(at, f"no YAML: {error.problem}", "correct it there") from None
    except yaml.YAMLError as error:
        raise source.wrong(0, f"no YAML: {error}".split("\n")[0], "save it as UTF-8 text") from None
    if node is None:
        raise source.wrong(0, "the file is empty", "give a settings file")
    return node


def _check_depth(source: Source) -> None:
    """Refuse what is nested so deep that composing it would need more stack than there is."""
    depth = 0
    for event in yaml.parse(source.text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                at = event.start_mark.index if event.start_mark is not None else 0
                raise source.wrong(at, "nested too deep", "give a settings file")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in {"", "null", "~"}


def _at(node: yaml.Node) -> int:
    return int(node.start_mark.index)
