# Gives the engine an archive of images, from the input. $1: its socket. Ends with 75 when there is
# no engine, or it goes away before it has answered.
# perl comes first: it copies the bytes once, where docker's client parses its configuration, looks
# for plugins and copies them twice.
into_engine() {
  if perl -MIO::Socket::UNIX -e 1 2>/dev/null; then
    perl -e '
      use strict; use IO::Socket::UNIX; $SIG{PIPE} = "IGNORE";
      sub gone { print STDERR "$_[0]\n"; exit 75 }
      my $engine = IO::Socket::UNIX->new(Peer => $ARGV[0]) or gone("cannot reach $ARGV[0]: $!");
      print $engine "POST /images/load?quiet=1 HTTP/1.1\r\nHost: docker\r\n",
        "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n",
        "Connection: close\r\n\r\n";
      $engine->flush;
      # A larger pipe, F_SETPIPE_SZ, where that is allowed: fewer turns.
      fcntl(STDIN, 1031, 1048576);
      while (sysread(STDIN, my $bytes, 1048576)) {
        my $chunk = sprintf("%x\r\n", length $bytes) . $bytes . "\r\n";
        while (length $chunk) {
          my $n = syswrite($engine, $chunk) or last;
          $chunk = substr($chunk, $n);
        }
        length $chunk and last;
      }
      syswrite($engine, "0\r\n\r\n");
      my $answer = do { local $/; <$engine> } // "";
      print $answer;
      my ($head) = split /\r\n\r\n/, $answer, 2;
      $head or gone("the engine went away without an answer");
      $head =~ /^transfer-encoding: chunked/mi and $answer !~ /\r\n0\r\n\r\n\z/
        and gone("the engine went away in the middle of its answer");
      exit($answer =~ m{^HTTP/1\.. 200 } && $answer !~ /"error"/ ? 0 : 1);
    ' "$1"
  elif command -v docker >/dev/null 2>&1; then
    answer=$(DOCKER_HOST=unix://$1 docker load -q 2>&1)
    taken=$?
    echo "$answer"
    [ "$taken" -ne 0 ] || return 0
    case $answer in
      *'Cannot connect to'* | *'error during connect'*) return 75 ;;
      # Said of an archive that breaks off, and of an answer.
      *'unexpected EOF'*) DOCKER_HOST=unix://$1 docker version >/dev/null 2>&1 || return 75 ;;
    esac
    return 1
  elif command -v curl >/dev/null 2>&1; then
    answer=$(curl -sS --unix-socket "$1" -X POST -H 'Expect:' -w '\n%{http_code}' \
      -H 'Content-Type: application/x-tar' -T - 'http://docker/images/load?quiet=1' 2>&1)
    taken=$?
    echo "$answer"
    # Nobody there, half an answer, none, and a connection that broke before there was one.
    case $taken:$answer in 7:* | 18:* | 52:* | 5[56]:*000) return 75 ;; esac
    case $answer in *'"error"'*) return 1 ;; *200) ;; *) return 1 ;; esac
  elif command -v python3 >/dev/null 2>&1; then
    python3 -c '
import http.client, socket, sys
connection = http.client.HTTPConnection("docker")
connection.sock = socket.socket(socket.AF_UNIX)
chunks = iter(lambda: sys.stdin.buffer.read(131072), b"")
try:
    connection.sock.connect(sys.argv[1])
    try:
        connection.request("POST", "/images/load?quiet=1", body=chunks, encode_chunked=True,
            headers={"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"})
    except (BrokenPipeError, ConnectionResetError):
        pass  # It may have said why.
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
except (OSError, http.client.HTTPException) as error:
    print("the engine went away:", error or type(error).__name__, file=sys.stderr)
    sys.exit(75)
print(text)
sys.exit(0 if answer.status == 200 and "\"error\"" not in text else 1)
' "$1"
  else
    echo 'none of perl, docker, curl and python3 is installed' >&2
    return 127
  fi
}
