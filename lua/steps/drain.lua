-- Waits until the proxy has no requests in flight to containers that are about to stop. Those that
-- take longer have the container's grace period to finish.

local function run(host, step)
    local driver = require(`proxy/{step.driver}`)
    if driver.drain and not driver.drain(host, step.upstreams, step.timeout) then
        webpods.log.warn(
            `host {host.name}: requests to {table.concat(step.upstreams, ", ")} were still running after {step.timeout} seconds`
        )
    end
end

return { run = run }
