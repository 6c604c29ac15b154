-- All new containers start next to all old ones; traffic switches once, when all are healthy.
--
-- Argument and result as in rollout/rolling.

local function order(change)
    if not change.start_first then
        webpods.fail(
            `service \`{change.service}\` cannot roll out blue-green: a fixed port, name or volume allows one container at a time`,
            "use `x-rollout: {strategy: rolling}` or `recreate` for this service"
        )
    end
    local replicas = {}
    for _, one in change.changes do
        table.insert(replicas, one.replica)
    end
    return { { replicas = replicas, start_first = true } }
end

return { order = order }
