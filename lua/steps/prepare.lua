-- Networks, volumes and files that containers of this release need. What exists stays as it is.

local function run(host, step)
    for _, network in step.networks do
        host.docker:create_network(network)
    end
    for _, volume in step.volumes do
        host.docker:create_volume(volume)
    end
    host:stage(step.files)
end

return { run = run }
