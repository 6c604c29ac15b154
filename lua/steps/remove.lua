-- Removes a stopped container.

local containers = require("lib/containers")

local function run(host, step)
    if containers.inspect(host, step.container) then
        host.docker:remove(step.container)
    end
end

return { run = run }
