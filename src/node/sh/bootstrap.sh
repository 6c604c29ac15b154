# Does what root must do once; every part can be done again without harm. Arguments: the user that
# gets the folders, then pairs of what and where.
set -eu
user=$1
shift
said=$(mktemp)
trap 'rm -f "$said"' EXIT
group=$(id -gn "$user")
while [ "$#" -gt 1 ]; do
    what=$1 where=$2
    shift 2
    case $what in
    folder)
        mkdir -p "$where"
        # Not the files that containers mount: they have owners of their own.
        find "$where" -path '*/files/*' -prune -o -exec chown "$user:$group" {} +
        chmod 0700 "$where"
        ;;
    shared-folder)
        mkdir -p "$where"
        chown -R "$user:$group" "$where"
        find "$where" -type d -exec chmod 0755 {} +
        ;;
    group)
        if command -v usermod >/dev/null 2>&1; then
            usermod -aG "$where" "$user"
        else
            addgroup "$user" "$where"
        fi
        ;;
    migration)
        mkdir -p "${where%/*}"
        printf '# Added by webpods: a reload of Caddy resets no connection.\nnet.ipv4.tcp_migrate_req = 1\n' >"$where"
        echo 1 >/proc/sys/net/ipv4/tcp_migrate_req
        ;;
    import)
        [ -e "$where" ] || : >"$where"
        # Caddy must never be left with a file it cannot read. `adapt` and not `validate`: that
        # opens log files, which then belong to root.
        cp -p "$where" "$where.webpods-before"
        [ ! -s "$where" ] || [ -z "$(tail -c 1 "$where")" ] || printf '\n' >>"$where"
        printf '\n# Added by webpods: the routes of every context.\nimport apps/*.caddy\n' >>"$where"
        chmod 0644 "$where"
        if ! caddy adapt --adapter caddyfile --config "$where" >"$said" 2>&1; then
            cat "$where.webpods-before" >"$where"
            tail -n 3 "$said" >&2
            rm -f "$where.webpods-before"
            exit 1
        fi
        rm -f "$where.webpods-before"
        # A Caddy that does not run reads the file when it starts.
        caddy reload --config "$where" >/dev/null 2>&1 || true
        ;;
    esac
done
