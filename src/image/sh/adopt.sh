# Copies layers that an engine holds in another form than ours into the cache. $1: cache, $2: this
# attempt, $3: the engine's socket, $4: kilobytes that this may take, $5…: the engine's images.
# Input: the hexadecimal digests that are wanted, one a line. Prints `adopted <hex>` for each it has.
set -u
umask 077
cache=$1
dir=$cache/tmp/adopt.$2
socket=$3
need=$4
shift 4
trap 'rm -rf -- "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p -- "$dir" "$cache/blobs/sha256" && cat >"$dir/wanted" || exit 1
free=$(df -Pk -- "$dir" | awk 'NR == 2 { print $4 }')
[ "${free:-0}" -gt "$need" ] || { echo 'too little disk space' >&2 && exit 1; }

# An archive of an image, as `docker save` makes it.
save() {
  if command -v docker >/dev/null 2>&1; then
    DOCKER_HOST=unix://$socket docker save -- "$1"
  elif command -v curl >/dev/null 2>&1; then
    curl -sS -f --unix-socket "$socket" "http://docker/images/$1/get"
  elif command -v perl >/dev/null 2>&1; then
    # An answer to HTTP/1.0 comes as it is, not in chunks.
    perl -e '
      use strict; use IO::Socket::UNIX;
      my $engine = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "cannot reach $ARGV[0]: $!\n";
      print $engine "GET /images/$ARGV[1]/get HTTP/1.0\r\nHost: docker\r\n\r\n"; $engine->flush;
      my $status = <$engine> // "";
      $status =~ m{^HTTP/1\.. 200 } or die "the engine says $status";
      while (my $line = <$engine>) { last if $line =~ /^\r?\n$/ }
      while (read $engine, my $bytes, 131072) { print $bytes }
    ' "$socket" "$1"
  else
    python3 -c '
import http.client, shutil, socket, sys
connection = http.client.HTTPConnection("docker")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/images/" + sys.argv[2] + "/get")
answer = connection.getresponse()
if answer.status != 200:
    sys.exit("the engine says %d" % answer.status)
shutil.copyfileobj(answer, sys.stdout.buffer)
' "$socket" "$1"
  fi
}
# A file of the archive without its packing.
plain() {
  case $(od -An -tx1 -N4 <"$1" | tr -d ' \n') in
    1f8b*) gzip -dc <"$1" ;;
    28b52ffd) zstd -dcq <"$1" ;;
    *) cat -- "$1" ;;
  esac
}

for image; do
  rm -rf -- "$dir/saved" && mkdir -- "$dir/saved" || exit 1
  save "$image" | tar -xf - -C "$dir/saved" || continue
  find "$dir/saved" -type f >"$dir/files"
  while IFS= read -r file; do
    sum=$(plain "$file" | tee -- "$dir/layer" | sha256sum) || continue
    hex=${sum%% *}
    # What is not wanted, or is there, is of no use.
    if grep -qx -- "$hex" "$dir/wanted" && [ ! -e "$cache/blobs/sha256/$hex" ]; then
      mv -f -- "$dir/layer" "$cache/blobs/sha256/$hex" || exit 1
      echo "adopted $hex"
    fi
    rm -f -- "$file"
  done <"$dir/files"
done
