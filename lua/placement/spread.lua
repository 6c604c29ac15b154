-- Replicas spread evenly; what is left over goes to the first hosts in inventory order (spec 8.4).
--
-- `service`: name, replicas, max_per_host. `hosts`: eligible hosts in inventory order, each with
-- name and labels. `current`: host name -> replicas now. Returns host name -> replicas.

local function place(service, hosts, _current)
    local base = service.replicas // #hosts
    local extra = service.replicas % #hosts
    local most = if extra > 0 then base + 1 else base
    if service.max_per_host and most > service.max_per_host then
        webpods.fail(
            `service \`{service.name}\`: {service.replicas} replicas do not fit on {#hosts} host(s) with max_per_host {service.max_per_host}, which leaves room for {#hosts * service.max_per_host}`,
            "add hosts, raise `x-placement.max_per_host`, or lower the number of replicas"
        )
    end

    local counts = {}
    for index, host in hosts do
        counts[host.name] = if index <= extra then base + 1 else base
    end
    return counts
end

return { place = place }
