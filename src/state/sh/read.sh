# What is remembered of the project. Arguments: boundary, `state` or `operation`.
boundary=$1 what=$2
# A folder whose parent may not be searched looks absent; say what it is.
if [ -d "$root" ] && [ ! -x "$root" ]; then fail 11 "$root: Permission denied"; fi
if [ -d "$dir" ] && [ ! -x "$dir" ]; then fail 11 "$dir: Permission denied"; fi
if [ "$what" = state ]; then
    file state "$dir/state.json"
else
    file lock "$lock"
    part now present
    date +%s
    if [ -r "$dir/journal" ]; then
        part journal present
        tail -c 65536 "$dir/journal"
    fi
fi
part end -
