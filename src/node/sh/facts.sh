# What a host is like and what this user may do there; changes nothing. Arguments: boundary, the
# engine's socket, the proxy driver, then the folders that webpods needs.
boundary=$1 socket=$2 driver=$3
shift 3
LC_ALL=C
export LC_ALL

# usable: this user can write there; creatable: it is missing and this user can make it.
folder() {
    if [ -d "$1" ]; then
        if [ ! -r "$1" ] || [ ! -w "$1" ] || [ ! -x "$1" ]; then
            echo denied
        elif [ "$(id -u)" != 0 ] &&
            [ -n "$(find "$1" -maxdepth 3 -type d ! -user "$(id -un)" ! -path '*/files/*' 2>/dev/null | head -n 1)" ]; then
            # Left by another user, root most likely.
            echo denied
        else
            echo usable
        fi
        return
    fi
    if [ -e "$1" ]; then
        echo occupied
        return
    fi
    above=${1%/*}
    while [ -n "$above" ] && [ ! -e "$above" ]; do above=${above%/*}; done
    if [ -d "${above:-/}" ] && [ -w "${above:-/}" ] && [ -x "${above:-/}" ]; then
        echo creatable
    else
        echo absent
    fi
}

has() {
    if command -v "$1" >/dev/null 2>&1; then echo yes; else echo no; fi
}

part facts present
printf 'user %s\n' "$(id -un)"
printf 'uid %s\n' "$(id -u)"
printf 'groups %s\n' "$(id -Gn)"
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
    printf 'root yes\n'
else
    printf 'root no\n'
fi
if grep -q '^docker:' /etc/group 2>/dev/null; then printf 'docker-group yes\n'; else printf 'docker-group no\n'; fi
# Somebody added to the group after the connection was made is a member on the next one.
if id -Gn "$(id -un)" 2>/dev/null | tr ' ' '\n' | grep -qx docker; then
    printf 'member yes\n'
else
    printf 'member no\n'
fi
if [ ! -S "$socket" ]; then
    printf 'socket missing\n'
elif [ -r "$socket" ] && [ -w "$socket" ]; then
    printf 'socket usable\n'
else
    printf 'socket denied\n'
fi
for tool in tar sha256sum; do
    [ "$(has "$tool")" = yes ] || printf 'missing %s\n' "$tool"
done
if [ "$(has flock)" = no ] && [ "$(has perl)" = no ]; then printf 'missing flock\n'; fi
for path; do
    printf 'folder %s %s\n' "$(folder "$path")" "$path"
done
if [ "$driver" = caddy ]; then
    main=/etc/caddy/Caddyfile
    printf 'caddy %s\n' "$(has caddy)"
    if [ -f "$main" ]; then printf 'caddyfile yes\n'; else printf 'caddyfile no\n'; fi
    if grep -Eq '^[[:space:]]*import[[:space:]]+"?(/etc/caddy/|\./)?apps/\*\.caddy"?[[:space:]]*(#.*)?$' "$main" 2>/dev/null; then
        printf 'import yes\n'
    else
        printf 'import no\n'
    fi
    printf 'folder %s %s\n' "$(folder /etc/caddy/apps)" /etc/caddy/apps
    # A reload gives Caddy new listening sockets. Unless the kernel may move them, connections that
    # wait in an old socket are reset when it closes. Kernels before 5.14 cannot.
    if [ "$(cat /proc/sys/net/ipv4/tcp_migrate_req 2>/dev/null || echo 1)" = 0 ]; then
        printf 'resets yes\n'
    fi
    # Caddy seldom runs as the ssh user: others must be able to read.
    closed=$(find /etc/caddy/apps -type d ! -perm -005 -print 2>/dev/null | head -n 1)
    [ -z "$closed" ] || printf 'closed %s\n' "$closed"
fi
part disk present
for path; do last=$path; done
while [ -n "$last" ] && [ ! -d "$last" ]; do last=${last%/*}; done
df -Pk "${last:-/}" 2>/dev/null
part end -
