-- No proxy: routes are not served by webpods, and there is nothing to write or reload.

local function nothing() end

return {
    render = function(_routes, _host)
        return {}
    end,
    apply = nothing,
    drain = function(_host, _upstreams, _timeout)
        return true
    end,
    verify = nothing,
    reload = nothing,
    remove = nothing,
    status = function(_host)
        return { running = false, message = "this context has no proxy (`proxy.driver: none`)" }
    end,
}
