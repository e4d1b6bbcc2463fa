"""What PowerDNS Recursor is told in Lua, where its settings have no word for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab.subjects.rendering import fqdn, used_rules
from resolver.config import ResolverConfig, Selection
from resolver.dns import names


def script_for(config: ResolverConfig) -> str | None:
    """What a DNS server of this configuration has to do on each question; None: nothing."""
    everything = any(names.normalise(rule.zone) == names.ROOT for rule in config.forward)
    parts, changes = [], []
    if not (config.recursion or everything):
        own = [names.normalise(zone.origin) for zone in config.zones]
        ours = [*own, *(names.normalise(rule.zone) for rule in used_rules(config))]
        parts.append(refusing(ours, "All other names are nobody's here: nobody is asked for them."))
    if config.private_addresses:
        parts.append(_without_private(config))
        changes.append("without_private")
    if config.selection is Selection.ONE:
        parts.append(_ONE_OF_EACH)
        changes.append("one_of_each")
    if changes:
        parts.append(_changing(changes))
    return "\n".join(parts) or None


def refusing(domains: Iterable[str], why: str) -> str:
    """REFUSED for every name but those at or below these domains."""
    return f"""\
-- {why}
local ours = newDS()
ours:add({{{_quoted(domains)}}})

function preresolve(dq)
  if ours:check(dq.qname) then
    return false
  end
  dq.rcode = pdns.REFUSED
  return true
end
"""


def _without_private(config: ResolverConfig) -> str:
    own = (names.normalise(zone.origin) for zone in config.zones)
    return f"""\
-- DNS rebinding: nobody outside may answer with an address of ours. Records that do are left out.
local private = newNMG()
private:addMasks({{{", ".join(f'"{each}"' for each in config.private_addresses)}}})

-- The domains that may: our own.
local trusted = newDS()
trusted:add({{{_quoted([*config.private_zones, *own])}}})

local function barred(record)
  if record.type ~= pdns.A and record.type ~= pdns.AAAA then
    return false
  end
  local address = newCA(record:getContent())
  if address:isMappedIPv4() then
    address = address:mapToIPv4()
  end
  return private:match(address) and not trusted:check(record.name)
end

local function without_private(dq, records)
  local kept = {{}}
  for _, record in pairs(records) do
    if not barred(record) then
      table.insert(kept, record)
    end
  end
  return kept
end
"""


_ONE_OF_EACH: Final = """\
-- Clients are given one of several addresses, drawn anew for each question: so the packet cache,
-- which would give everybody the same one, is not to keep the answer.
local function one_of_each(dq, records)
  local addresses, kept = {}, {}
  for _, record in pairs(records) do
    if record.place == 1 and (record.type == pdns.A or record.type == pdns.AAAA) then
      local owner = record.name:toString() .. record.type
      addresses[owner] = addresses[owner] or {}
      table.insert(addresses[owner], record)
    else
      table.insert(kept, record)
    end
  end
  for _, several in pairs(addresses) do
    dq.variable = dq.variable or #several > 1
    table.insert(kept, several[pdnsrandom(#several) + 1])
  end
  return kept
end
"""


def _changing(functions: Iterable[str]) -> str:
    steps = "\n".join(f"  kept = {name}(dq, kept)" for name in functions)
    return f"""\
function postresolve(dq)
  local records = dq:getRecords()
  local kept = records
{steps}
  if #kept == #records then
    return false
  end
  dq:setRecords(kept)
  return true
end
"""


def _quoted(domains: Iterable[str]) -> str:
    return ", ".join(f'"{fqdn(names.normalise(each))}"' for each in domains)
