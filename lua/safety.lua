-- May this verb run on this context from here? (spec 5.4, 16)
--
-- `request`: verb, context, level ("safe" | "guarded"), origin ("local" | "ci"), allow_from,
-- required_for, token, given (what --confirm gave), project, hosts.

local function authorize(request)
    if not table.find(request.allow_from, request.origin) then
        local allowed = table.concat(request.allow_from, ", ")
        return webpods.deny(
            `Refusing: context '{request.context}' disallows execution from '{request.origin}'. Allowed: {allowed}.`
        )
    end
    if table.find(request.required_for, request.verb) then
        return webpods.confirm(request.token)
    end
    return webpods.allow()
end

return { authorize = authorize }
