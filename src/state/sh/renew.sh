# Moves the end of the lease. Arguments: token, seconds from now.
token=$1 ttl=$2
exclusive
fenced "$token"
expires=$(($(date +%s) + ttl))
err=$({
    sed 's/^  "expires": .*/  "expires": '"$expires"',/' "$lock" | replace "$lock"
} 2>&1) || fail 11 "$err"
