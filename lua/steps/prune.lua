-- Removes what no retained release needs: networks, volumes, images, blobs (spec 19).

local function run(host, step)
    for _, network in step.networks do
        if not host.docker:remove_network(network) then
            webpods.log.debug(`host {host.name}: network {network} is gone or in use`)
        end
    end
    for _, volume in step.volumes do
        host.docker:remove_volume(volume)
    end
    -- Images go with their blobs, unless another project refers to the same content.
    host.blobs:prune(step.keep, step.images)
    if step.everything then
        host:forget()
    end
end

return { run = run }
