# Receives blobs into a cache. $1: cache, $2: client, $3: this attempt, $4: what makes blobs of
# others, for perl, $5: the same for python3, $6: the engine's socket. engine.sh comes before it.
#
# Input: `<hex> <size>` lines and an empty line. Prints what it has (`bare`: without its index) and
# wants, and what it can do. With `known` behind it, a blob is only asked for. The size is `-` while
# nobody knows it.
# Then it answers questions, as long as there are any:
#   like, `<hex> <sketch>` lines, an empty line: which blobs are alike, then `end`
#   index <hex>: `index <hex> <size>` and the index
# After `send`, packed as said here or as `send <how>` says, for each blob:
#   <hex> <offset> <size>, and the bytes from the offset on
#   <hex> <offset> <size> made <base>…, and how these bytes are made of those blobs
# and for each index: index <hex> <size>, and the index.
# Between `open` and `close` the blobs go on to the engine as well, as parts of an archive:
#   copy <size>, and bytes of the archive that are no blob
#   give <hex> <size>: a blob of the cache
#   name <hex> <size>, and what people call the image with this manifest: `prune` knows it then
# Documents come last, so the engine has no archive before every blob that came was checked.
# Prints `ok <hex>` for each blob that arrived and is what it claims, and at the end `refused` when
# the engine did not take the archive.
set -u
umask 077
cache=$1
blobs=$cache/blobs/sha256
indexes=$cache/indexes
tmp=$cache/tmp
attempt=$3
perl=$4
python=$5
mkdir -p -- "$blobs" "$indexes" "$tmp" "$cache/leases" || exit 1
failed=$tmp/failed.$attempt
trap 'rm -f -- "$failed"' EXIT
trap 'exit 1' HUP INT TERM

# Ends what an earlier attempt left waiting when its connection went dead and nobody told this host.
# $1: the name of its parts. Clients give up after 20 seconds without an answer. False: another one
# is at work.
end_idle() {
  last=$(stat -c %Y -- "$lock" "$tmp"/*."$1" 2>/dev/null | sort -n | tail -n 1)
  [ "$(($(date +%s) - last))" -ge 15 ] || return 1
  for fd in $(exec 9>&- && find -L /proc/[0-9]*/fd/9 -maxdepth 0 -samefile "$lock" 2>/dev/null); do
    pid=${fd#/proc/} && pid=${pid%%/*}
    [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null
  done
  flock -w 5 9
}
# The names that parts get: a client may be at work several times, for several projects.
names="$2 $2-2 $2-3 $2-4"
begun="" asked=""
lease=$cache/leases/$2.$attempt
: >"$lease" || exit 1
while IFS=' ' read -r hex size only && [ -n "$hex" ]; do
  echo "$hex" >>"$lease"
  asked="$asked$hex $size $only
"
  for name in $names; do
    [ -s "$tmp/$hex.$name" ] || continue
    case " $begun " in *" $name "*) ;; *) begun="$begun $name" ;; esac
  done
done

# A part is continued by the client that began it, by one process at a time. Whoever began it may
# have been killed a moment ago: what its connection still held is written first.
part=$attempt lock=
take_name() {
  lock=$tmp/$1.lock
  exec 9>>"$lock" || exit 1
  flock -n 9 || end_idle "$1"
}
if command -v flock >/dev/null 2>&1; then
  for name in $begun; do
    if take_name "$name" || flock -w 5 9; then part=$name && break; fi
  done
  [ "$part" != "$attempt" ] || for name in $names; do
    if take_name "$name"; then part=$name && break; fi
  done
  [ "$part" != "$attempt" ] || lock=
fi
# Its time says that someone is at work.
alive() { [ -z "$lock" ] || : >"$lock"; }
alive

need=0
while IFS=' ' read -r hex size only && [ -n "$hex" ]; do
  there=$(stat -c %s "$blobs/$hex" 2>/dev/null)
  if [ -n "$there" ] && { [ "$there" = "$size" ] || [ "$size" = - ]; }; then
    if [ -e "$indexes/$hex" ]; then echo "have $hex"; else echo "bare $hex"; fi
    continue
  fi
  [ "$only" != known ] || continue
  offset=$(stat -c %s "$tmp/$hex.$part" 2>/dev/null) || offset=0
  if [ "$size" != - ]; then
    if [ "$offset" -gt "$size" ]; then
      rm -f -- "$tmp/$hex.$part"
      offset=0
    fi
    need=$((need + size - offset))
  fi
  echo "want $hex $offset"
done <<EOF
$asked
EOF
df -Pk "$tmp" | {
  read -r _
  read -r _ _ _ free _
  echo "free $free $need"
}
if command -v zstd >/dev/null 2>&1; then pack=zstd
elif command -v gzip >/dev/null 2>&1; then pack=gzip
else pack=none; fi
echo "pack $pack"
if perl -MFcntl -e 1 2>/dev/null; then rebuild() { perl -e "$perl" "$@"; }
elif python3 -c 1 2>/dev/null; then rebuild() { python3 -c "$python" "$@"; }
else rebuild() { return 9; } && indexes=; fi
count() {
  if [ -e "$1" ]; then echo $#; else echo 0; fi
}
[ -z "$indexes" ] || echo "indexes $(count "$indexes"/*)"
echo go

while IFS=' ' read -r question hex && [ "$question" != send ]; do
  case $question in
    like)
      rebuild like "$blobs" "$indexes"
      echo end
      ;;
    index)
      if { exec 3<"$indexes/$hex"; } 2>/dev/null && size=$(stat -Lc %s /dev/fd/3); then
        echo "index $hex $size"
        cat <&3
        exec 3<&-
      else
        echo "index $hex 0"
      fi
      ;;
  esac
done

case $hex in zstd | gzip | none) pack=$hex ;; esac
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

# Where bytes go that are the engine's too.
engine=/dev/null
loading=
also() {
  if [ -n "$loading" ]; then tee -- "$engine"; else cat; fi
}
# A full disk ends the transfer at once, where tee can be told to; an engine that stops reading does
# not.
if tee --output-error=exit-nopipe </dev/null >/dev/null 2>&1; then
  both() { tee -a --output-error=exit-nopipe -- "$@"; }
else
  both() { tee -a -- "$@"; }
fi
unpack | {
  while IFS=' ' read -r hex offset size how bases; do
    case $hex in
      index)
        hex=$offset
        file=$tmp/$hex.index.$attempt
        take "$size" >"$file"
        if [ "$(stat -c %s "$file")" != "$size" ] || ! mv -f -- "$file" "$indexes/$hex"; then
          rm -f -- "$file"
          exit 1
        fi
        continue
        ;;
      open)
        pipe=$tmp/engine.$attempt
        if mkfifo -- "$pipe"; then
          # Whatever becomes of the engine, blobs go on into the cache.
          {
            into_engine "$6" >/dev/null 2>&1
            taken=$?
            cat >/dev/null
            exit "$taken"
          } <"$pipe" 9>&- &
          loading=$!
          exec 8>"$pipe"
          rm -f -- "$pipe"
          engine=/dev/fd/8
        fi
        continue
        ;;
      copy)
        take "$offset" >>"$engine"
        continue
        ;;
      give)
        [ "$(stat -c %s "$blobs/$offset" 2>/dev/null)" = "$size" ] || exit 1
        cat -- "$blobs/$offset" >>"$engine"
        continue
        ;;
      name)
        mkdir -p -- "$cache/images" && take "$size" >"$cache/images/$offset" || exit 1
        continue
        ;;
      close)
        exec 8>&-
        engine=/dev/null
        continue
        ;;
    esac
    grep -qx -- "$hex" "$lease" || echo "$hex" >>"$lease"
    file=$tmp/$hex.$part
    [ "$offset" -gt 0 ] || : >"$file" || exit 1
    rm -f -- "$failed"
    got=$({
      [ "$offset" -eq 0 ] || cat -- "$file" | also
      if [ "$how" = made ]; then
        # The names of blobs are words.
        { rebuild make "$blobs" "$file" "$offset" "$size" $bases || echo $? >"$failed"; } | also
      else
        take $((size - offset)) | both "$file" "$engine"
      fi
    } | digest) || exit 1
    if [ -s "$failed" ] && [ "$(cat -- "$failed")" = 9 ]; then
      got=
    elif [ "$(stat -c %s "$file")" != "$size" ]; then
      echo "short $hex"
      exit 1
    fi
    if [ "${got%% *}" != "$hex" ]; then
      rm -f -- "$file"
      # A base or its index is not what it should be. What is sound keeps its name only.
      for base in $bases; do
        rm -f -- "$indexes/$base"
        sum=$(digest <"$blobs/$base") || continue
        [ "${sum%% *}" = "$base" ] || { rm -f -- "$blobs/$base" && echo "damaged $base"; }
      done
      echo "bad $hex"
      exit 1
    fi
    mv -f -- "$file" "$blobs/$hex" || exit 1
    alive
    echo "ok $hex"
  done
  # Nothing more is written: whoever goes on with the parts need not wait for the engine.
  [ -z "$lock" ] || flock -u 9
  # The archive ends here, complete or not.
  exec 8>&-
  if [ -n "$loading" ]; then
    # Someone is at work, and it may take long.
    while sleep 5 && kill -0 "$loading"; do alive; done >/dev/null 2>&1 9>&- &
    waiting=$!
    wait "$loading" || echo refused
    kill "$waiting" 2>/dev/null
  fi
}
