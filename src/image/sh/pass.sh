# Passes blobs of this host's cache on to another host, over ssh with the agent that came along.
# $1: cache, $2: a name for this attempt, $3: login name there, $4: port, $5: address,
# $6: seconds a connection may take, $7: what runs there: receive.sh.
# Input: lines for known_hosts and an empty line, `<hex> <size>` lines and an empty line. When it
# ends, so does everything here.
# Prints what the other host says, `passed <bytes>` now and then, or `cannot <why>`.
set -uf
umask 077
cache=$1 attempt=$2 user=$3 port=$4 address=$5 seconds=$6 command=$7
blobs=$cache/blobs/sha256
dir=$cache/tmp/pass.$attempt
lease=$cache/leases/pass.$attempt
far= watch=
over() {
  [ -z "$watch" ] || kill "$watch"
  [ -z "$far" ] || kill "$far"
  rm -rf -- "$dir" "$lease"
} 2>/dev/null
trap over EXIT
trap 'exit 1' HUP INT TERM PIPE
if ! command -v ssh >/dev/null 2>&1; then
  echo 'cannot ssh'
  exit 0
fi
if [ ! -S "${SSH_AUTH_SOCK:-}" ]; then
  echo 'cannot agent'
  exit 0
fi
mkdir -p -- "$dir" "$cache/leases" && cd -- "$dir" && mkfifo in out && : >wants || exit 1
exec 5<&0 6>&1
while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done >known
while read -r hex size && [ -n "$hex" ]; do echo "$hex $size"; done >list

# Not while someone prunes; see hold.sh.
if command -v flock >/dev/null 2>&1; then
  exec 9>"$cache/lock" || exit 1
  flock -s -w 60 9
fi
cut -d ' ' -f 1 list >"$lease" || exit 1
exec 9>&-
while read -r hex size; do
  [ "$(stat -c %s "$blobs/$hex" 2>/dev/null)" != "$size" ] || echo "$hex $size"
done <list >there
if [ ! -s there ]; then
  echo 'cannot blobs'
  exit 0
fi

# Nothing of this host's own ssh settings and keys; only the host key that the client knows.
ssh -F /dev/null -T -x -a -S none -o BatchMode=yes -o LogLevel=ERROR -o HostKeyAlias=webpods \
  -o StrictHostKeyChecking=yes -o UserKnownHostsFile=known -o GlobalKnownHostsFile=/dev/null \
  -o UpdateHostKeys=no -o CheckHostIP=no -o IdentityFile=none -o PreferredAuthentications=publickey \
  -o ConnectTimeout="$seconds" -o ServerAliveInterval=5 -o ServerAliveCountMax=4 \
  -l "$user" -p "$port" -- "$address" "$command" <in >out &
far=$!
{ read -r _ <&5; kill "$far" $$; } >/dev/null 2>&1 &
watch=$!
exec 3>in 4<out

{ cat there && echo; } >&3
pack= indexes= need=0 ready=
while IFS= read -r line <&4; do
  printf '%s\n' "$line"
  set -- $line
  case $#:${1:-}:${2:-} in
    3:want:*[!0-9a-f]* | 2:bare:*[!0-9a-f]*) exit 1 ;;
    3:want:*)
      case $3 in *[!0-9]*) exit 1 ;; esac
      size=$(sed -n "s/^$2 //p" there)
      [ -n "$size" ] || exit 1
      echo "$2 $3 $size" >>wants
      need=$((need + size - $3))
      ;;
    2:bare:*) echo "$2" >>bare ;;
    3:free:*[!0-9]*) exit 1 ;;
    3:free:*)
      if [ "$2" -lt $((need / 1024 + 65536)) ]; then
        echo 'cannot space'
        exit 0
      fi
      ;;
    2:pack:*) pack=$2 ;;
    2:indexes:*) indexes=yes ;;
    1:go:) ready=yes && break ;;
  esac
done
if [ -z "$ready" ]; then
  wait "$far"
  far=
  exit 1
fi

passed=0
feed() {
  while read -r hex offset size; do
    echo "$hex $offset $size"
    while [ "$offset" -lt "$size" ]; do
      slice=$((size - offset))
      [ "$slice" -le 16777216 ] || slice=16777216
      tail -c +$((offset + 1)) -- "$blobs/$hex" 2>/dev/null | head -c "$slice"
      offset=$((offset + slice))
      passed=$((passed + slice))
      echo "passed $passed" >&6
    done
  done <wants
  [ -n "$indexes" ] || return 0
  { cut -d ' ' -f 1 wants && cat bare 2>/dev/null; } | while read -r hex; do
    size=$(stat -c %s "$cache/indexes/$hex" 2>/dev/null) || continue
    echo "index $hex $size"
    cat -- "$cache/indexes/$hex"
  done
}
cat <&4 3>&- &
answers=$!
# Hosts are near each other: what does not take long to pack is packed, and nothing else.
if [ "$pack" = zstd ] && command -v zstd >/dev/null 2>&1; then
  echo 'send zstd' >&3
  feed | zstd -1qc >&3
else
  echo 'send none' >&3
  feed >&3
fi
exec 3>&-
wait "$answers"
wait "$far"
status=$?
far=
exit "$status"
