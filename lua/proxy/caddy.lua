-- The Caddy driver: one file per project, checked on the host before it replaces the old one.
--
-- /etc/caddy/Caddyfile                       has the line `import apps/*.caddy`
-- /etc/caddy/apps/<context>.caddy            imports <context>/*.caddy
-- /etc/caddy/apps/<context>/<project>.caddy  is what `render` returns
--
-- The two levels are needed because Caddy's `import` takes one `*` only.

local ROOT = "/etc/caddy"

-- What reaches the Caddyfile must not end its line, its block or its string.
local function checked(what, value, pattern)
    if not string.match(value, pattern) then
        webpods.fail(
            `{what} {webpods.json.encode(value)} cannot be written into a Caddyfile`,
            "correct `x-ingress` in the Compose file"
        )
    end
    return value
end

local function address(route)
    local domain = checked("the domain", route.domain, "^[%w%*][%w%.%-_]*$")
    return if route.tls == "off" then `http://{domain}` else domain
end

local function dial(upstream)
    local addr = checked("the upstream address", upstream.addr, "^[%w%.%-_:]+$")
    return if string.find(addr, ":", 1, true) then `[{addr}]:{upstream.port}` else `{addr}:{upstream.port}`
end

-- The proxy files of one host. No routes: the project's file goes.
local function render(routes, host)
    local path = `{ROOT}/apps/{host.context}/{host.project}.caddy`
    if #routes == 0 then
        return { { path = path } }
    end
    local sites = {}
    for _, route in routes do
        local upstreams = {}
        for _, upstream in route.upstreams do
            table.insert(upstreams, dial(upstream))
        end
        table.insert(sites, {
            address = address(route),
            internal = route.tls == "internal",
            upstreams = table.concat(upstreams, " "),
            health_path = if route.health_path
                then checked("the health path", route.health_path, "^/[%w%-%._~/%%%?=&%+:@,;!]*$")
                else false,
        })
    end
    local content = webpods.template("proxy/caddy", {
        context = host.context,
        project = host.project,
        sites = sites,
    })
    return { { path = path, content = content } }
end

return { render = render }
