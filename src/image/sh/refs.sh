# Records what a release needs. $1: cache, $2: context, $3: project, $4: release.
# Input: digests, one a line.
set -u
umask 077
dir=$1/refs/$2/$3
mkdir -p -- "$dir" && cat >"$dir/.$4.$$" || exit 1
# Blobs are on disk before a ref points to them. An old `sync` without operands syncs everything.
if cd -- "$1/blobs/sha256" 2>/dev/null; then
  sed 's/^sha256://' "$dir/.$4.$$" | xargs sync -- 2>/dev/null
fi
mv -f -- "$dir/.$4.$$" "$dir/$4" || exit 1
# What was shipped for this release is now referred to; its leases are over.
for lease in "$1"/leases/*; do
  [ -f "$lease" ] || continue
  sed 's/^sha256://' "$dir/$4" | grep -vxFf - -- "$lease" >/dev/null || rm -f -- "$lease"
done
exit 0
