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
    for _, image in step.images do
        host.docker:remove_image(image)
    end
    host.blobs:prune(step.keep)
    if step.everything then
        host:forget()
    end
end

return { run = run }
