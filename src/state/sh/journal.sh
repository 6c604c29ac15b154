# Appends lines from standard input to the journal. Arguments: token, most bytes to keep.
token=$1 most=$2
exclusive
fenced "$token"
err=$({ append "$dir/journal" "$most"; } 2>&1) || fail 11 "$err"
