-- What the step scripts share about containers.

-- Whether a container is this (context, project)'s own. Labels are authoritative, names are for
-- people (spec 7.3).
local function ours(found)
    local labels = found.Config.Labels or {}
    return labels["webpods.context"] == webpods.plan.context
        and labels["webpods.project"] == webpods.plan.project
end

-- The container of this name when it is ours; nothing when there is none. One of somebody else
-- ends the step.
local function inspect(host, name)
    local found = host.docker:inspect(name)
    if found and not ours(found) then
        webpods.fail(
            `container \`{name}\` on host \`{host.name}\` is not one of project \`{webpods.plan.project}\` in context \`{webpods.plan.context}\``,
            `rename or remove it there: \`docker rm {name}\``
        )
    end
    return found
end

return { ours = ours, inspect = inspect }
