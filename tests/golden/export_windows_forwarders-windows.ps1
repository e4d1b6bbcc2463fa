# A Windows DNS server as the local DNS server of "Forwarders with Windows' published timers".
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
Set-DnsServerRecursion -Enable $true -Timeout 11

# Names at or below corp.internal, the longest domain that fits; asked in this order, 5 s each.
# When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "corp.internal" -MasterServers 203.0.113.102,203.0.113.103,203.0.113.104 -ForwarderTimeout 5 -UseRecursion:$false

# All other names: asked in this order, 3 s each. Windows reorders them by their response times
# unless it is told not to. When none answers, the question has failed: no root servers are asked.
# (Set-DnsServerForwarder; its reference says a default of 5 s, KB 2834250 and MS-DNSP say 3)
Set-DnsServerForwarder -IPAddress 203.0.113.101,203.0.113.102,203.0.113.103,203.0.113.104 -Timeout 3 -EnableReordering $false -UseRootHint $false

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

# DNSSEC: with a trust anchor for the root (Get-DnsServerTrustAnchor) names that the Internet does
# not know are proven not to exist. Install none on this server as long as it forwards private
# domains: corp.internal.

