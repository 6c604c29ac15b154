# Takes the lease. Arguments: boundary, token, seconds it lasts, token of a lease whose owner is
# known to be dead or `-`, members of the lease that say who holds it and what it claims. Answers
# with the serial of the state here, the lease that was taken over, if any, and all leases of other
# projects; with exit code 10 and the lease that stands in the way.
boundary=$1 token=$2 ttl=$3 dead=$4 holder=$5
exclusive
err=$(mkdir -p "$dir" 2>&1) || fail 11 "$err"
now=$(date +%s)
old=
if [ -e "$lock" ]; then
    held=$(member "$lock" token)
    expires=$(member "$lock" expires)
    case $expires in
    '' | *[!0-9]*)
        # Not written by webpods, or cut short by a full disk: its age decides.
        if [ -n "$(find "$lock" -mmin +1 2>/dev/null)" ]; then expires=0; else expires=$((now + ttl)); fi
        ;;
    esac
    # An end that far away means that the clock was set back: the owner would have renewed.
    if [ "$held" != "$token" ] && [ "$held" != "$dead" ] &&
        [ "$expires" -gt "$now" ] && [ "$expires" -lt $((now + 3600)) ]; then
        cat "$lock"
        exit 10
    fi
    [ "$held" = "$token" ] || old=$(cat "$lock")
fi
err=$({
    printf '{\n  "version": 1,\n  "token": "%s",\n  "acquired": %s,\n  "expires": %s,\n%s\n}\n' \
        "$token" "$now" $((now + ttl)) "$holder" | replace "$lock"
} 2>&1) || fail 11 "$err"
part serial present
serial=$(member "$dir/state.json" serial)
printf %s "${serial:-0}"
if [ -n "$old" ]; then
    part old present
    printf %s "$old"
fi
others
part end -
