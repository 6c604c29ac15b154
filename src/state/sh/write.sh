# Replaces the state. Arguments: token, serial, size in bytes of the state on standard input,
# what this project claims on this host as one line of JSON.
token=$1 serial=$2 size=$3 claims=$4
new=$dir/.state.$token
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM
[ -e "$lock" ] || fail 12 gone
err=$({ cat >"$new"; } 2>&1) || fail 11 "$err"
[ "$(wc -c <"$new")" -eq "$size" ] || fail 15 "of $size bytes only $(wc -c <"$new") arrived"
# The slow part comes before the exclusive one.
sync "$new" 2>/dev/null || sync
exclusive
fenced "$token"
there=$(member "$dir/state.json" serial)
case $there in '' | *[!0-9]*) there=0 ;; esac
if [ "$there" -gt "$serial" ]; then fail 13 "$there"; fi
if [ "$there" -eq "$serial" ] && [ "$there" -gt 0 ]; then
    # The same bytes again are fine: an answer got lost and the client asked once more.
    [ "$(cksum <"$new")" = "$(cksum <"$dir/state.json")" ] || fail 13 "$there"
fi
err=$({ printf '%s\n' "$claims" | replace "$dir/claims"; } 2>&1) || fail 11 "$err"
err=$(mv -f "$new" "$dir/state.json" 2>&1) || fail 11 "$err"
