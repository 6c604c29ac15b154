-- Puts the proxy's files in place, reloads it and checks that the routes are live (spec 11.5).

local function run(host, step)
    local driver = require(`proxy/{step.driver}`)
    driver.apply(host, step.files)
    if driver.verify then
        driver.verify(host, step.routes)
    end
end

local function undo(host, step)
    require(`proxy/{step.driver}`).apply(host, step.before)
end

return { run = run, undo = undo }
