# Removes all that is remembered of the project; the lease stays until it is released.
# Argument: token.
token=$1
exclusive
fenced "$token"
for entry in "$dir"/* "$dir"/.[!.]*; do
    [ "$entry" = "$lock" ] && continue
    err=$(rm -rf "$entry" 2>&1) || fail 11 "$err"
done
