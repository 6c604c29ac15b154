-- Replicas change in batches; every batch is healthy and serves before the next begins.
--
-- `change`: service, changes (replica, host, start, stop), parallelism (replicas per batch as
-- `deploy.update_config.parallelism` says; 0 means all at once), start_first (false when a fixed
-- port, name or volume makes two containers at once impossible). Returns a list of batches.

local function order(change)
    local added, replaced, removed = {}, {}, {}
    for _, one in change.changes do
        local list = if one.start and one.stop then replaced elseif one.start then added else removed
        table.insert(list, one.replica)
    end

    local batches = {}
    local function batch(replicas)
        table.insert(batches, { replicas = replicas, start_first = change.start_first })
    end

    -- New replicas take nothing away from what serves, so they need no batches of their own.
    if #added > 0 then
        batch(added)
    end
    local size = if change.parallelism > 0 then change.parallelism else math.max(1, #replaced)
    for first = 1, #replaced, size do
        batch(table.move(replaced, first, math.min(first + size - 1, #replaced), 1, {}))
    end
    -- Last, so that capacity never drops below what was asked for.
    if #removed > 0 then
        batch(removed)
    end
    return batches
end

return { order = order }
