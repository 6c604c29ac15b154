-- Waits until a container is ready (spec 13.3): its health check passes, its path answers, or, with
-- neither, it runs for two seconds. A container that died is not waited for; one that may end is
-- ready when it did with status 0.

-- Seconds without a restart that count as running.
local STEADY = 2
-- The engine starts a crashing container again; after this many times it is not going to recover.
local RESTARTS = 5
-- Log lines that a failure shows.
local TAIL = 20

local function exited(state)
    local code = state.ExitCode or 0
    local memory = if state.OOMKilled then ", out of memory" else ""
    local reason = if state.Error and state.Error ~= "" then `: {state.Error}` else ""
    return `it exited with status {code}{memory}{reason}`
end

-- "ready", "failed" or "waiting", and why.
local function judge(host, step, found, memory)
    local state = found.State
    if step.completes then
        if state.Status == "exited" and state.ExitCode == 0 then
            return "ready"
        elseif state.Status == "exited" or state.Status == "dead" then
            return "failed", exited(state)
        end
        return "waiting", "it has not ended"
    end

    if step.may_end and state.Status == "exited" and state.ExitCode == 0 then
        return "ready"
    end
    if found.RestartCount and found.RestartCount >= RESTARTS then
        return "failed", `{exited(state)}, {found.RestartCount} times`
    end
    if state.Status == "exited" or state.Status == "dead" then
        return "failed", exited(state)
    end
    if not state.Running or state.Restarting then
        return "waiting", exited(state)
    end

    if step.healthcheck then
        local health = state.Health or {}
        if health.Status == "unhealthy" then
            local log = health.Log or {}
            local last = log[#log]
            local said = if last and last.Output
                then string.match(last.Output, "^%s*(.-)%s*$")
                else ""
            local detail = if said ~= "" then `: {string.sub(said, 1, 300)}` else ""
            return "failed", `its health check fails{detail}`
        elseif health.Status ~= "healthy" then
            return "waiting", "its health check has not passed"
        end
    end

    if step.probe then
        local answer, problem = host:http_get({
            port = step.probe.port,
            path = step.probe.path,
            host = step.probe.domain,
            timeout = 3,
        })
        if not answer then
            return "waiting", `{step.probe.path} gives no answer: {problem}`
        elseif answer.status < 200 or answer.status >= 400 then
            return "waiting", `{step.probe.path} answers with status {answer.status}`
        end
    end

    if step.healthcheck or step.probe then
        return "ready"
    end
    if memory.started ~= state.StartedAt then
        memory.started, memory.since = state.StartedAt, webpods.clock()
    end
    if webpods.clock() - memory.since >= STEADY then
        return "ready"
    end
    return "waiting", `it has not run for {STEADY} seconds`
end

local function give_up(host, step, reason)
    local read, lines =
        pcall(host.docker.logs, host.docker, step.container, { tail = TAIL, show = true })
    local said = if read and #lines > 0 then `its last lines: {table.concat(lines, "\n")}` else nil
    if step.optional then
        webpods.log.warn(
            `container \`{step.container}\` on host \`{host.name}\` did not complete, and nothing needs it: {reason}`
        )
        return
    end
    local found = host.docker:inspect(step.container)
    if found and found.State.Status == "exited" and found.State.ExitCode == 0 then
        webpods.fail(
            `container \`{step.container}\` on host \`{host.name}\` did not stay up: {reason}`,
            'if it is meant to end, write `restart: "no"` in its service',
            said
        )
    end
    webpods.fail(
        `container \`{step.container}\` on host \`{host.name}\` did not become healthy: {reason}`,
        "`webpods up --on-failure pause` keeps a failed container, so that `webpods logs` shows all of its output",
        said
    )
end

local function run(host, step)
    local deadline = webpods.clock() + step.timeout
    local memory = {}
    local pause = 0.1
    -- Since when it is ready without a break.
    local since = nil
    while true do
        local found = host.docker:inspect(step.container)
        if not found then
            webpods.fail(`container \`{step.container}\` on host \`{host.name}\` is gone`)
        end
        local verdict, reason = judge(host, step, found, memory)
        if verdict == "ready" then
            since = since or webpods.clock()
            if webpods.clock() - since >= (step.watch or 0) then
                return
            end
        elseif verdict == "failed" then
            return give_up(host, step, reason)
        elseif verdict == "waiting" then
            since = nil
        end
        if webpods.clock() >= deadline then
            return give_up(host, step, `after {step.timeout} seconds {reason}`)
        end
        webpods.sleep(math.min(pause, math.max(0, deadline - webpods.clock())))
        pause = math.min(pause * 1.5, 1)
    end
end

return { run = run }
