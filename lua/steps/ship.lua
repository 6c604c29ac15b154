-- Sends the blobs that the host lacks into its cache (spec 12.3).

local function run(host, step)
    host.blobs:ship(step.blobs, step.images)
end

return { run = run }
