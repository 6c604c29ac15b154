-- Runs a container's `pre_stop` hooks, stops it and keeps it, so that a failure can start it again.

local containers = require("lib/containers")
local hooks = require("lib/hooks")

local function run(host, step)
    if containers.inspect(host, step.container) then
        hooks.pre_stop(host, step.container, step.pre_stop)
        host.docker:stop(step.container, step.grace)
    end
end

-- Started is not serving: routes go back to it next, so it gets a moment to become ready.
local function undo(host, step)
    local found = containers.inspect(host, step.container)
    if not found then
        webpods.fail(
            `container \`{step.container}\` on host \`{host.name}\` is gone and cannot be started again`
        )
    end
    -- One whose hook failed was never stopped.
    if not found.State.Running then
        host.docker:start(step.container)
        hooks.post_start(host, step.container, step.post_start)
    end
    local deadline = webpods.clock() + 60
    while webpods.clock() < deadline do
        local state = host.docker:inspect(step.container).State
        local health = state.Health and state.Health.Status
        if health == "healthy" or (state.Running and not health) then
            return
        elseif health == "unhealthy" or not state.Running then
            break
        end
        webpods.sleep(0.5)
    end
    webpods.log.warn(`host {host.name}: {step.container} was started again and is not healthy yet`)
end

return { run = run, undo = undo }
