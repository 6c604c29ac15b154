# Several files in one answer. Every part starts with a line `<boundary> <name> <status>` and ends
# where the next one starts, one newline before it; `<boundary> end` says that nothing is missing.
# The boundary is random, so no content can pose as one.
part() {
    printf '\n%s %s %s\n' "$boundary" "$1" "$2"
}
file() {
    if [ ! -e "$2" ]; then
        part "$1" absent
    elif [ ! -r "$2" ]; then
        part "$1" unreadable
    else
        part "$1" present
        cat "$2" 2>/dev/null
    fi
}
