-- All old containers stop, then all new ones start. For services that must never run twice.
--
-- Argument and result as in rollout/rolling.

local function order(change)
    local replicas = {}
    for _, one in change.changes do
        table.insert(replicas, one.replica)
    end
    return { { replicas = replicas, start_first = false } }
end

return { order = order }
