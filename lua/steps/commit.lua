-- Writes down what the host holds: which blobs this release needs, and the project's state.

local function run(host, _step)
    host.blobs:refs()
    host:commit()
end

return { run = run }
