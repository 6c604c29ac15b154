# Lets the lease go. Argument: token. A lease that is gone or another's is left alone.
token=$1
exclusive
if [ -e "$lock" ] && [ "$(member "$lock" token)" = "$token" ]; then
    rm -f "$lock"
    # Folders that hold nothing any more; rmdir leaves all others.
    rmdir "$dir" "$root/$context" 2>/dev/null
fi
exit 0
