# A Windows DNS server as the local DNS server of "Conditional forwarders".
# Not run here: no Windows is in the lab. Run it in PowerShell as administrator on a server with
# the DNS role, and look at each command first.
# Cmdlets and parameters: https://learn.microsoft.com/powershell/module/dnsserver (Windows Server
# 2022).

# Stop at the first command that fails.
$ErrorActionPreference = "Stop"

# Forwarding is a part of recursion to Windows: off, nothing is forwarded (Windows Server
# documentation, queries-lookups). No server is tried once this time is over, so it outlasts the
# longest list: server n+1 is asked n times its timeout and n-1 seconds after the first (KB
# 2834250).
Set-DnsServerRecursion -Enable $true -Timeout 8

# Names at or below deep.widgets.tailspintoys.com, the longest domain that fits; asked in this
# order, 1 s each. When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "deep.widgets.tailspintoys.com" -MasterServers 10.20.0.14 -ForwarderTimeout 1 -UseRecursion:$false

# Names at or below d.f.ip6.arpa, the longest domain that fits; asked in this order, 1 s each.
# When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "d.f.ip6.arpa" -MasterServers 10.20.0.16 -ForwarderTimeout 1 -UseRecursion:$false

# Names at or below widgets.tailspintoys.com, the longest domain that fits; asked in this order, 1
# s each. When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "widgets.tailspintoys.com" -MasterServers 10.20.0.13 -ForwarderTimeout 1 -UseRecursion:$false

# Not done: names at or below public.tailspintoys.com are not to be forwarded. Windows cannot end
# forwarding below a domain that is forwarded, for a conditional forwarder needs a server: mind
# where they go. (Add-DnsServerConditionalForwarderZone -MasterServers)

# Names at or below 10.in-addr.arpa, the longest domain that fits; asked in this order, 1 s each.
# When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "10.in-addr.arpa" -MasterServers 10.20.0.16 -ForwarderTimeout 1 -UseRecursion:$false

# Names at or below tailspintoys.com, the longest domain that fits; asked in this order, 1 s (0.5
# s was meant; Windows counts whole seconds) each. When none answers, the question has failed: the
# name reaches nobody else. (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "tailspintoys.com" -MasterServers 10.20.0.11,10.20.0.12 -ForwarderTimeout 1 -UseRecursion:$false

# Names at or below corp.internal, the longest domain that fits; asked in this order, 1 s each.
# When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "corp.internal" -MasterServers 10.20.0.15 -ForwarderTimeout 1 -UseRecursion:$false

# All other names: asked in this order, 2 s each. Windows reorders them by their response times
# unless it is told not to. When none answers, the question has failed: no root servers are asked.
# (Set-DnsServerForwarder; its reference says a default of 5 s, KB 2834250 and MS-DNSP say 3)
Set-DnsServerForwarder -IPAddress 203.0.113.100 -Timeout 2 -EnableReordering $false -UseRootHint $false

# Recursion begins at these root servers. On the Internet itself leave both away: Windows knows
# its root servers. (Add-DnsServerRootHint)
Get-DnsServerRootHint | Remove-DnsServerRootHint -Force
Add-DnsServerRootHint -NameServer "a.root-servers" -IPAddress 203.0.113.10

# The longest that anything is remembered, whatever its TTL says. A TTL of 0 stays 0: such an
# answer is not remembered. (Set-DnsServerCache)
Set-DnsServerCache -MaxTtl 01.00:00:00 -MaxNegativeTtl 00.00:15:00

# Addresses of a name change places from answer to answer. LocalNetPriority would undo that for
# clients in the network of some of the addresses: those were always first (MS-DNSP 3.1.1.1.1: on
# by default). (Set-DnsServerSetting)
$setting = Get-DnsServerSetting -All
$setting.RoundRobin = $true
$setting.LocalNetPriority = $false
Set-DnsServerSetting -InputObject $setting

# Windows does not filter private addresses out of answers (DNS rebinding): what comes from
# outside with 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 is passed on.

# DNSSEC: with a trust anchor for the root (Get-DnsServerTrustAnchor) names that the Internet does
# not know are proven not to exist. Install none on this server as long as it forwards private
# domains: deep.widgets.tailspintoys.com, d.f.ip6.arpa, widgets.tailspintoys.com,
# public.tailspintoys.com, 10.in-addr.arpa, tailspintoys.com, corp.internal.

