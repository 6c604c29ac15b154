-- Creates a container, connects its networks, starts it and runs its `post_start` hooks. Doing it
-- twice is doing it once.

local containers = require("lib/containers")
local hooks = require("lib/hooks")

-- Where a container goes that has the name of a new one. It may have to come back.
local function aside(step)
    return `{step.container}_before_{webpods.plan.release}`
end

-- Whether a container that runs under the name already is the very one that this step makes.
local function same(found, step)
    for _, label in { "webpods.release", "webpods.config", "webpods.image" } do
        if (found.Config.Labels or {})[label] ~= (step.body.Labels or {})[label] then
            return false
        end
    end
    return true
end

local function run(host, step)
    if step.replaces then
        local found = containers.inspect(host, step.replaces)
        if found and found.Name == `/{step.container}` and not same(found, step) then
            host.docker:rename(step.replaces, aside(step))
        end
    end

    local found = containers.inspect(host, step.container)
    if found then
        if found.State.Running then
            if same(found, step) then
                return
            end
            webpods.fail(
                `container \`{step.container}\` runs on host \`{host.name}\` already, from another release`,
                "something changed since the plan was made: run the command again"
            )
        end
        host.docker:remove(step.container)
    end

    host.docker:create_container(step.container, step.body)
    for network, endpoint in step.networks do
        host.docker:connect_network(network, step.container, endpoint)
    end
    host.docker:start(step.container)
    hooks.post_start(host, step.container, step.post_start)
end

-- Only what this release created goes.
local function undo(host, step)
    local found = host.docker:inspect(step.container)
    if found and containers.ours(found) and same(found, step) then
        host.docker:remove(step.container, { force = true })
    end
    if step.replaces then
        local replaced = host.docker:inspect(step.replaces)
        if replaced and containers.ours(replaced) and replaced.Name == `/{aside(step)}` then
            host.docker:rename(step.replaces, step.container)
        end
    end
end

return { run = run, undo = undo }
