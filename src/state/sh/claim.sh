# Changes what the lease claims. Arguments: boundary, token, the claim as one line of JSON. Answers
# with all leases of other projects.
boundary=$1 token=$2 claim=$3
exclusive
fenced "$token"
err=$({
    {
        sed -n '/^  "claims": /q; p' "$lock" | sed '/^}$/d'
        printf '  "claims": %s\n}\n' "$claim"
    } | replace "$lock"
} 2>&1) || fail 11 "$err"
others
part end -
