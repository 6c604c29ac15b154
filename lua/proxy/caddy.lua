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
    return if string.find(addr, ":", 1, true)
        then `[{addr}]:{upstream.port}`
        else `{addr}:{upstream.port}`
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

-- Where Caddy's admin API listens on every host.
local ADMIN = 2019

-- One script on the host: checks the whole configuration with the new files in it, puts them in
-- place, reloads, and puts the old ones back when Caddy refuses. $1: root, $2: context, empty to
-- change nothing; then pairs of a path and what becomes of it: `put` takes `<path>.new`, `drop`
-- removes it.
local APPLY = [=[
set -eu
trap '' HUP PIPE
root=$1 context=$2
shift 2
apps=$root/apps
refuse() { status=$1; shift; echo "$*" >&2; exit "$status"; }
command -v caddy >/dev/null 2>&1 || refuse 20 "caddy is not installed"
[ -f "$root/Caddyfile" ] || refuse 21 "$root/Caddyfile does not exist"
grep -Eq '^[[:space:]]*import[[:space:]]+"?('"$root"'/|\./)?apps/\*\.caddy"?[[:space:]]*(#.*)?$' "$root/Caddyfile" ||
    refuse 22 "$root/Caddyfile does not have the line \`import apps/*.caddy\`"

# Projects take turns, so that none is checked with another's half-written files.
[ -w "$apps/.lock" ] || (umask 0; : >"$apps/.lock") 2>/dev/null || true
if [ -w "$apps/.lock" ] && command -v flock >/dev/null 2>&1; then
    exec 9>"$apps/.lock"
    flock -w 60 9 || refuse 25 "another project is changing Caddy's files"
fi

# A copy of the configuration as it will be: links to everything, and apps/ with the new files.
copy=$(mktemp -d)
trap 'rm -rf -- "$copy"' EXIT
for entry in "$root"/* "$root"/.[!.]*; do
    case ${entry##*/} in
        apps | Caddyfile) ;;
        *) [ ! -e "$entry" ] || ln -s "$entry" "$copy/${entry##*/}" ;;
    esac
done
cp -R "$apps" "$copy/apps"
sed "s#$root/apps/#$copy/apps/#g" "$root/Caddyfile" >"$copy/Caddyfile"
index="import $context/*.caddy"
[ -n "$context" ] && [ -d "$apps/$context" ] || index=
[ -z "$index" ] || printf '%s\n' "$index" >"$copy/apps/$context.caddy"
pick() {
    if [ "$2" = put ]; then cp -- "$1.new" "$copy/${1#"$root"/}"; else rm -f -- "$copy/${1#"$root"/}"; fi
}
each() {
    work=$1
    shift
    while [ $# -gt 1 ]; do "$work" "$1" "$2"; shift 2; done
}
forget_new() { rm -f -- "$1.new"; }
# Caddy's last words; before 2.11 they are a line of text, since then JSON.
said() {
    sed -n 's/^Error: //p; s/.*"level":"error".*"msg":"\(.*\)"}$/\1/p' "$copy/log" |
        sed "s#$copy/#$root/#g; s/"'\\"/"/g' | tail -n 3
}

each pick "$@"
if ! caddy validate --config "$copy/Caddyfile" --adapter caddyfile >"$copy/log" 2>&1; then
    # Validation also opens log files and certificates, which only Caddy's own user may read; then
    # the form is all that can be checked.
    if ! grep -q 'permission denied' "$copy/log" ||
        ! caddy adapt --config "$copy/Caddyfile" --adapter caddyfile >/dev/null 2>"$copy/log"; then
        each forget_new "$@"
        refuse 23 "$(said)"
    fi
fi

place() {
    [ ! -f "$1" ] || cp -p -- "$1" "$1.old"
    if [ "$2" = put ]; then mv -f -- "$1.new" "$1"; else rm -f -- "$1"; fi
}
restore() { if [ -f "$1.old" ]; then mv -f -- "$1.old" "$1"; else rm -f -- "$1"; fi; }
forget_old() { rm -f -- "$1.old"; }

if [ -n "$index" ] && [ "$(cat "$apps/$context.caddy" 2>/dev/null)" != "$index" ]; then
    printf '%s\n' "$index" >"$apps/.$context.new"
    mv -f -- "$apps/.$context.new" "$apps/$context.caddy"
fi
# The admin API is made anew by each reload: for a moment after another one nobody may answer.
reload() {
    for pause in 0.1 0.2 0.4 0.8 1.6 0; do
        caddy reload --config "$root/Caddyfile" --adapter caddyfile >"$copy/log" 2>&1 && return 0
        grep -Eq 'connection (refused|reset)|: EOF' "$copy/log" || return 1
        sleep "$pause"
    done
    return 1
}
each place "$@"
if ! reload; then
    each restore "$@"
    refuse 24 "$(said)"
fi
each forget_old "$@"
]=]

-- What the statuses of APPLY mean for a person.
local function explain(host, result)
    local reason = string.match(result.stderr, "^%s*(.-)%s*$")
    local hints = {
        [20] = "install Caddy there, or set `proxy.driver: none` in the context",
        [21] = `prepare it with \`webpods node bootstrap {host.name}\``,
        [22] = `\`webpods node bootstrap {host.name}\` adds it after asking`,
        [23] = `the old routes still serve; \`webpods proxy config\` shows what was rendered`,
        [24] = `is Caddy running on the host? The old routes were put back`,
        [25] = "run the command again",
    }
    webpods.fail(
        if result.status == 23
            then `Caddy on host \`{host.name}\` does not accept the new routes`
            else `cannot bring routes to Caddy on host \`{host.name}\``,
        hints[result.status] or `\`webpods node check {host.name}\` looks for what is wrong`,
        reason
    )
end

local function apply(host, files)
    local written, arguments = {}, { ROOT }
    for _, file in files do
        local context = string.match(file.path, `^{ROOT}/apps/([%w%-_%.]+)/[%w%-_]+%.caddy$`)
        if not context then
            webpods.fail(`\`{file.path}\` is not a file of the Caddy driver`)
        end
        arguments[2] = context
        if file.content then
            table.insert(written, { path = `{file.path}.new`, content = file.content })
        end
    end
    if #files == 0 then
        return
    end
    for _, file in files do
        table.insert(arguments, file.path)
        table.insert(arguments, if file.content then "put" else "drop")
    end
    host:write(written)
    local result = host:sh(APPLY, arguments, { allow_failure = true })
    if result.status ~= 0 then
        explain(host, result)
    end
end

-- Seconds for which the admin API may be silent: each reload makes it anew, and other projects
-- reload as well.
local SILENT = 5

local function get(host, path, patience)
    local deadline = webpods.clock() + patience
    while true do
        local answer, problem = host:http_get({ port = ADMIN, path = path })
        if answer or webpods.clock() >= deadline then
            return answer, problem
        end
        webpods.sleep(0.1)
    end
end

local function ask(host, path, patience)
    local answer, problem = get(host, path, patience)
    if answer and answer.status == 200 then
        return webpods.json.decode(answer.body)
    end
    return nil, problem or `status {answer.status}`
end

-- Every domain and upstream of `routes` must be in the configuration that runs.
local function verify(host, routes)
    if #routes == 0 then
        return
    end
    local answer, problem = get(host, "/config/", SILENT)
    if not answer then
        webpods.fail(
            `Caddy's admin API on host \`{host.name}\` does not answer`,
            `it listens on 127.0.0.1:{ADMIN} unless the Caddyfile says \`admin off\``,
            problem
        )
    end
    local function live(text)
        return string.find(answer.body, `"{text}"`, 1, true) ~= nil
    end
    for _, route in routes do
        local missing = if live(string.lower(route.domain)) then nil else route.domain
        for _, upstream in route.upstreams do
            if not missing and not live(dial(upstream)) then
                missing = `{route.domain} to {dial(upstream)}`
            end
        end
        if missing then
            webpods.fail(
                `Caddy on host \`{host.name}\` was reloaded and does not serve {missing}`,
                `does the Caddy that runs there use {ROOT}/Caddyfile?`
            )
        end
    end
end

-- True once no request to `upstreams` is in flight. Caddy lists an upstream that left the
-- configuration until its last request is done.
local function drain(host, upstreams, timeout)
    local deadline = webpods.clock() + timeout
    while true do
        local list, problem = ask(host, "/reverse_proxy/upstreams", math.min(SILENT, timeout))
        if not list then
            webpods.log.debug(`host {host.name}: Caddy's admin API does not answer: {problem}`)
            return false
        end
        local busy = false
        for _, one in list do
            busy = busy or (one.num_requests > 0 and table.find(upstreams, one.address) ~= nil)
        end
        if not busy then
            return true
        elseif webpods.clock() >= deadline then
            return false
        end
        webpods.sleep(0.1)
    end
end

local function status(host)
    local version = host:run({ "caddy", "version" }, { allow_failure = true })
    if version.status ~= 0 then
        return { running = false, message = "caddy is not installed" }
    end
    local config, problem = ask(host, "/config/", 1)
    if not config then
        return {
            running = false,
            version = string.match(version.stdout, "^%S+"),
            message = `its admin API does not answer: {problem}`,
        }
    end
    local domains = {}
    local servers = config.apps and config.apps.http and config.apps.http.servers or {}
    for _, server in servers do
        for _, route in server.routes or {} do
            for _, match in route.match or {} do
                for _, domain in match.host or {} do
                    if not table.find(domains, domain) then
                        table.insert(domains, domain)
                    end
                end
            end
        end
    end
    table.sort(domains)
    return {
        running = true,
        version = string.match(version.stdout, "^%S+"),
        domains = domains,
    }
end

-- Reads the files again, after checking them.
local function reload(host)
    local result = host:sh(APPLY, { ROOT, "" }, { allow_failure = true })
    if result.status ~= 0 then
        explain(host, result)
    end
end

local function remove(host, project)
    apply(host, { { path = `{ROOT}/apps/{project.context}/{project.project}.caddy` } })
end

return {
    render = render,
    apply = apply,
    verify = verify,
    drain = drain,
    status = status,
    reload = reload,
    remove = remove,
}
