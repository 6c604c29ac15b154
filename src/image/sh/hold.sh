# Keeps blobs and images of a host from being pruned. $1: cache, $2: a name for this attempt,
# $3, $4: a manifest's hexadecimal digest and what people call it, for an image that comes to the
# engine in another way than through this cache.
# Input: hexadecimal digests, one a line; none: they need not be kept any longer.
set -u
umask 077
mkdir -p -- "$1/leases" && cd -- "$1" || exit 1
lease=leases/held.$2
# Not while someone prunes: what that one removes is gone when this ends.
if command -v flock >/dev/null 2>&1; then
  exec 9>lock || exit 1
  flock -s -w 60 9
fi
cat >"$lease.new" && mv -f -- "$lease.new" "$lease" || exit 1
[ -s "$lease" ] || rm -f -- "$lease"
# This cache knows it from now on: `images --hosts` shows it, and `prune` frees it.
[ "$#" -lt 4 ] || { mkdir -p -- images && printf '%s\n' "$4" >"images/$3"; }
