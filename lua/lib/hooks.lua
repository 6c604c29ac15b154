-- Lifecycle hooks: commands that run in a container right after it starts (`post_start`) and right
-- before it is stopped (`pre_stop`), in the order of the Compose file.

-- Log lines that a failure shows.
local TAIL = 20

local function last(lines)
    if #lines == 0 then
        return nil
    end
    return `its last lines: {table.concat(lines, "\n", math.max(1, #lines - TAIL + 1))}`
end

-- How a container ended that has no process left to run anything in.
local function ended(host, container)
    local found = host.docker:inspect(container)
    if not found then
        return "it is gone"
    end
    local state = found.State
    local reason = if state.Error and state.Error ~= "" then `: {state.Error}` else ""
    return `it exited with status {state.ExitCode or 0}{reason}`
end

-- Runs one; false when the container does not run any more.
local function one(host, container, key, hook, hint)
    local done = host.docker:exec(container, hook)
    if not done then
        return false
    end
    if done.status ~= 0 then
        local command = table.concat(hook.command, " ")
        webpods.fail(
            `\`{key}\` of container \`{container}\` on host \`{host.name}\` failed: \`{command}\` exited with status {done.status}`,
            hint,
            last(done.lines)
        )
    end
    return true
end

-- A container that ended before its hooks were done has not started.
local function post_start(host, container, list)
    for _, hook in list or {} do
        if not one(host, container, "post_start", hook) then
            local read, lines =
                pcall(host.docker.logs, host.docker, container, { tail = TAIL, show = true })
            webpods.fail(
                `\`post_start\` of container \`{container}\` on host \`{host.name}\` could not run: {ended(
                    host,
                    container
                )}`,
                nil,
                if read then last(lines) else nil
            )
        end
    end
end

-- What stopped by itself has nothing left to prepare for its stop.
local function pre_stop(host, container, list)
    for _, hook in list or {} do
        local hint = `the container was not stopped; \`webpods stop\` stops it without its hooks`
        if not one(host, container, "pre_stop", hook, hint) then
            return
        end
    end
end

return { post_start = post_start, pre_stop = pre_stop }
