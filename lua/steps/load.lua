-- Assembles an image from the host's cache and loads it into the engine (spec 12.3).

local function run(host, step)
    host.blobs:load(step.image)
end

return { run = run }
