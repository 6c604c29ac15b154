-- Replicas fill the first host up to max_per_host, then the next. Without a cap one host takes all.
--
-- Arguments and result as in placement/spread.

local function place(service, hosts, _current)
    local counts = {}
    local left = service.replicas
    for _, host in hosts do
        local count = math.min(left, service.max_per_host or left)
        counts[host.name] = count
        left -= count
    end
    if left > 0 then
        webpods.fail(
            `service \`{service.name}\`: {service.replicas} replicas do not fit on {#hosts} host(s) with max_per_host {service.max_per_host}, which leaves room for {#hosts * service.max_per_host}`,
            "add hosts, raise `x-placement.max_per_host`, or lower the number of replicas"
        )
    end
    return counts
end

return { place = place }
