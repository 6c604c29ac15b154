# All of a host that files say, in one go. Arguments: folder of all state, context, project, cache,
# boundary. Standard input: the paths of proxy files, one a line.
set -u
LC_ALL=C
export LC_ALL
root=$1 cache=$4 boundary=$5
ours=$root/$2/$3

for folder in "$root" "$root/$2" "$ours"; do
    if [ -d "$folder" ] && [ ! -x "$folder" ]; then
        printf '%s: Permission denied\n' "$folder" >&2
        exit 11
    fi
done

file state "$ours/state.json"

# The shell's own `read` and `printf`: a host may hold a hundred projects.
part claims present
for folder in "$root"/*/*/; do
    folder=${folder%/}
    if [ "$folder" != "$ours" ] && [ -r "$folder/claims" ]; then
        line=
        IFS= read -r line <"$folder/claims"
        printf '%s\t%s\n' "${folder#"$root"/}" "$line"
    fi
done
# A state that was put back by hand has no claims beside it.
for folder in "$root"/*/*/; do
    folder=${folder%/}
    if [ "$folder" != "$ours" ] && [ ! -e "$folder/claims" ] && [ -r "$folder/state.json" ]; then
        file "other ${folder#"$root"/}" "$folder/state.json"
    fi
done

part listening present
grep -hE ' [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null

# Programs of other machines that the kernel hands to an emulator.
part emulates present
for entry in /proc/sys/fs/binfmt_misc/*; do
    line=
    [ -r "$entry" ] && IFS= read -r line <"$entry"
    [ "$line" = enabled ] && printf '%s\n' "${entry##*/}"
done

part disk present
folder=$cache
while [ -n "$folder" ] && [ ! -d "$folder" ]; do folder=${folder%/*}; done
df -Pk "${folder:-/}" 2>/dev/null

while IFS= read -r path; do
    file "proxy $path" "$path"
done
part end -
