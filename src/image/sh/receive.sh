# Receives blobs into a cache. $1: cache, $2: client, $3: this attempt.
# Input: `<hex> <size>` lines, an empty line, and then, packed as agreed, for each blob asked for:
# `<hex> <offset> <size>`, a newline and the bytes from the offset on.
# Prints what it has and wants, then `ok <hex>` for each blob that arrived and is what it claims.
set -u
umask 077
cache=$1
blobs=$cache/blobs/sha256
tmp=$cache/tmp
mkdir -p -- "$blobs" "$tmp" "$cache/leases" || exit 1

# A part is continued by the client that began it, by one process at a time.
part=$3
if command -v flock >/dev/null 2>&1; then
  exec 9>"$tmp/$2.lock" || exit 1
  if flock -n 9; then part=$2; fi
fi

need=0
: >"$cache/leases/$2.$3" || exit 1
while IFS=' ' read -r hex size && [ -n "$hex" ]; do
  echo "$hex" >>"$cache/leases/$2.$3"
  if [ "$(stat -c %s "$blobs/$hex" 2>/dev/null)" = "$size" ]; then
    echo "have $hex"
    continue
  fi
  offset=$(stat -c %s "$tmp/$hex.$part" 2>/dev/null) || offset=0
  if [ "$offset" -gt "$size" ]; then
    rm -f -- "$tmp/$hex.$part"
    offset=0
  fi
  need=$((need + size - offset))
  echo "want $hex $offset"
done
df -Pk "$tmp" | {
  read -r _
  read -r _ _ _ free _
  echo "free $free $need"
}
if command -v zstd >/dev/null 2>&1; then pack=zstd
elif command -v gzip >/dev/null 2>&1; then pack=gzip
else pack=none; fi
echo "pack $pack"
echo go

unpack() {
  case $pack in
    zstd) zstd -dcq ;;
    gzip) gzip -dc ;;
    none) cat ;;
  esac
}
if printf ab | dd bs=4 count=1 iflag=fullblock,count_bytes 2>/dev/null | grep -qx a; then
  take() { dd bs=131072 count="$1" iflag=fullblock,count_bytes 2>/dev/null; }
else
  take() { head -c "$1"; }
fi
if command -v openssl >/dev/null 2>&1 && openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then
  digest() { openssl dgst -sha256 -r; }
else
  digest() { sha256sum; }
fi

unpack | while IFS=' ' read -r hex offset size; do
  file=$tmp/$hex.$part
  [ "$offset" -gt 0 ] || : >"$file" || exit 1
  got=$({
    [ "$offset" -eq 0 ] || cat -- "$file"
    take $((size - offset)) | tee -a -- "$file"
  } | digest) || exit 1
  if [ "$(stat -c %s "$file")" != "$size" ]; then
    echo "short $hex"
    exit 1
  elif [ "${got%% *}" != "$hex" ]; then
    rm -f -- "$file"
    echo "bad $hex"
    exit 1
  fi
  mv -f -- "$file" "$blobs/$hex" || exit 1
  echo "ok $hex"
done
