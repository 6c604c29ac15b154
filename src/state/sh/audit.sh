# Appends lines from standard input to the host's audit log. Arguments: the log, most bytes to keep.
log=$1 most=$2
exclusive
err=$({ append "$log" "$most"; } 2>&1) || fail 11 "$err"
