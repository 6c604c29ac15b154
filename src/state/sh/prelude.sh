# Shared by every script of this room. Arguments: folder of all state, context, project, …
# Exit codes: 10 held by another, 11 the folder cannot be used, 12 the lease is not ours any more,
# 13 a newer state is there, 14 a tool is missing, 15 what arrived is not what was sent.
set -u
umask 077
LC_ALL=C
export LC_ALL
root=$1 context=$2 project=$3
dir=$root/$context/$project
lock=$dir/lock
shift 3

fail() {
    code=$1
    shift
    printf '%s\n' "$*" >&2
    exit "$code"
}

# The value of a number or string at the top level of JSON that webpods wrote: two spaces of
# indentation and one member per line. Strings hold no raw newline, so nothing inside can pose as
# a member.
member() {
    sed -n 's/^  "'"$2"'": "\{0,1\}\([0-9A-Za-z]*\)"\{0,1\},\{0,1\}$/\1/p' "$1" 2>/dev/null | head -n 1
}

# One script at a time on this host. The kernel lets go when this shell ends, however it ends.
exclusive() {
    err=$(mkdir -p "$root" 2>&1 && : 2>&1 >>"$root/.mutex") || fail 11 "$err"
    exec 9>>"$root/.mutex"
    if command -v flock >/dev/null 2>&1; then
        flock 9 || fail 11 "flock failed on $root/.mutex"
    elif command -v perl >/dev/null 2>&1; then
        perl -e 'open(my $f, ">>&=", 9) or die; flock($f, 2) or die' || fail 11 "flock failed on $root/.mutex"
    else
        fail 14 flock
    fi
}

# Goes on only while the lease with token $1 is the one on this host.
fenced() {
    [ -e "$lock" ] || fail 12 gone
    if [ "$(member "$lock" token)" != "$1" ]; then
        cat "$lock"
        fail 12 "taken over"
    fi
}

# The leases of all other projects on this host, as parts of the answer. Whoever writes a lease and
# then looks, with nobody else in between, is seen by all who come later.
others() {
    part now present
    date +%s
    for other in "$root"/*/*/lock; do
        [ "$other" = "$lock" ] || [ ! -r "$other" ] || file lock "$other"
    done
}

# Writes standard input to file $1 in one step.
replace() {
    cat >"$1.new" && mv -f "$1.new" "$1"
}

# Appends standard input to the log $1 and keeps it below $2 bytes, whole lines only.
append() {
    cat >>"$1" || return 1
    size=$(wc -c <"$1")
    if [ "$size" -gt "$2" ]; then
        tail -c $(($2 / 2)) "$1" | sed 1d | replace "$1"
    fi
}
