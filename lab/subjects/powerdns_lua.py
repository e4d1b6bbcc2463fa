"""What PowerDNS Recursor is told in Lua, where its settings have no word for it."""

from __future__ import annotations

from collections.abc import Iterable

from lab.subjects.rendering import fqdn, used_rules
from resolver.config import ResolverConfig
from resolver.dns import names


def script_for(config: ResolverConfig) -> str | None:
    """What a DNS server of this configuration has to do on each question; None: nothing."""
    everything = any(names.normalise(rule.zone) == names.ROOT for rule in config.forward)
    parts = []
    if not (config.recursion or everything):
        own = [names.normalise(zone.origin) for zone in config.zones]
        ours = [*own, *(names.normalise(rule.zone) for rule in used_rules(config))]
        parts.append(refusing(ours, "All other names are nobody's here: nobody is asked for them."))
    if config.private_addresses:
        parts.append(_filtering(config))
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


def _filtering(config: ResolverConfig) -> str:
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

function postresolve(dq)
  local kept, changed = {{}}, false
  for _, record in pairs(dq:getRecords()) do
    if barred(record) then
      changed = true
    else
      table.insert(kept, record)
    end
  end
  if changed then
    dq:setRecords(kept)
  end
  return changed
end
"""


def _quoted(domains: Iterable[str]) -> str:
    return ", ".join(f'"{fqdn(names.normalise(each))}"' for each in domains)
