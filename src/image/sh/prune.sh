# Finds or removes what nobody refers to. $1: cache, $2: context, $3: project,
# $4: `look` or `remove`, $5: bytes the cache may hold, 0 for any, $6: the release that serves,
# $7…: releases of this project that stay, oldest first.
# Prints `used <hex>` for what somebody refers to, `gone <hex>` for what releases that go away
# referred to and for images that nobody refers to, `evicted <release>` for those that went because
# the cache was too large, `blob <hex> <size>` for what is in the cache and nobody refers to,
# `left <size>` for what transfers left that broke off long ago, and `over <size>` when what has to
# stay is more than the cache may hold; then `end`.
# Input: digests of images that the engine no longer has. The lock is kept until the input ends.
set -u
umask 077
cache=$1 mine=$1/refs/$2/$3 how=$4 limit=$5 active=$6
shift 6
cd -- "$cache" 2>/dev/null || exit 0
mkdir -p -- tmp || exit 1
# Nobody begins to rely on what is being removed; see hold.sh.
if command -v flock >/dev/null 2>&1; then
  exec 9>lock || exit 1
  flock -w 60 9
fi
used=tmp/used.$$
trap 'rm -f -- "$used" "$used.hex"' EXIT
trap 'exit 1' HUP INT TERM
# What came within the hour may be somebody's who has no release yet. As long as something comes,
# it may take longer.
recent=60
[ -z "$(find tmp -type f -mmin -60 ! -name '*.lock' 2>/dev/null | head -n 1)" ] || recent=1440

# Whether the ref $1 goes away when the releases $2… stay.
goes() {
  [ "$cache/${1%/*}" = "$mine" ] || return 1
  ref=${1##*/}
  shift
  for keep; do
    [ "$ref" != "$keep" ] || return 1
  done
}

# Writes what is needed when the releases $1… stay.
find_used() {
  : >"$used" || exit 1
  for file in refs/*/*/*; do
    [ ! -f "$file" ] || goes "$file" "$@" || cat -- "$file" >>"$used" || exit 1
  done
  [ ! -d leases ] || find leases -type f -mmin "-$recent" -exec cat {} + >>"$used"
  sed 's/^sha256://' "$used" | sort -u >"$used.hex" && mv -f -- "$used.hex" "$used" || exit 1
}

# The bytes of what is needed.
weigh() {
  (cd blobs/sha256 2>/dev/null && xargs stat -c %s 2>/dev/null) <"$used" | {
    total=0
    while read -r size; do total=$((total + size)); done
    echo "$total"
  }
}

find_used "$@"
if [ "$limit" -gt 0 ]; then
  while size=$(weigh) && [ "$size" -gt "$limit" ]; do
    oldest=
    for keep; do
      shift
      if [ -z "$oldest" ] && [ "$keep" != "$active" ] && [ -f "$mine/$keep" ]; then
        oldest=$keep
      else
        set -- "$@" "$keep"
      fi
    done
    if [ -z "$oldest" ]; then
      echo "over $size"
      break
    fi
    echo "evicted $oldest"
    find_used "$@"
  done
fi
for file in refs/*/*/*; do
  [ -f "$file" ] && goes "$file" "$@" || continue
  sed 's/^sha256:/gone /' "$file"
  [ "$how" = look ] || rm -f -- "$file" || exit 1
done
sed 's/^/used /' "$used"
[ ! -d images ] || ls images | grep -xE '[0-9a-f]{64}' | grep -vxFf "$used" | sed 's/^/gone /'
if [ -d blobs/sha256 ]; then
  ls blobs/sha256 | grep -xE '[0-9a-f]{64}' | grep -vxFf "$used" | while read -r hex; do
    size=$(stat -c %s "blobs/sha256/$hex") || continue
    [ "$how" = look ] || rm -f -- "blobs/sha256/$hex" "indexes/$hex" || exit 1
    echo "blob $hex $size"
  done
fi
# Whoever began this did not come back, or need not, since the blob came from somebody else.
{
  find tmp -mindepth 1 -maxdepth 1 -mmin +1440
  find tmp -mindepth 1 -maxdepth 1 -type f -mmin +60 ! -mmin +1440 -name '*.*' | while IFS= read -r left; do
    name=${left##*/}
    [ ! -f "blobs/sha256/${name%%.*}" ] || printf '%s\n' "$left"
  done
} | while IFS= read -r left; do
  find "$left" -type f -exec stat -c 'left %s' {} +
  [ "$how" = look ] || rm -rf -- "$left"
done
if [ "$how" = remove ]; then
  # An index whose blob is gone for another reason.
  for index in indexes/*; do
    [ -e "blobs/sha256/${index##*/}" ] || rm -f -- "$index"
  done
  find leases -type f ! -mmin "-$recent" -exec rm -f {} + 2>/dev/null
  rmdir -- "$mine" "${mine%/*}" 2>/dev/null
fi
echo end
while read -r hex; do
  case $hex in *[!0-9a-f]* | '') ;; *) rm -f -- "images/$hex" ;; esac
done
exit 0
