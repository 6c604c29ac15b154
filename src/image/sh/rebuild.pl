# Makes blobs of a cache of others of the same cache; and says which are alike. Needs perl alone.
use strict;
use warnings;
use Fcntl qw(O_RDONLY O_WRONLY O_APPEND O_NOFOLLOW);

my $BLOCK = 1 << 18;
my $BLOB = qr/\A[0-9a-f]{64}\z/;

# The recipe or a base is wrong.
sub fail { print STDERR "rebuild: $_[0]\n"; exit 9 }

# The disk is.
sub unwritable { print STDERR "rebuild: cannot write: $!\n"; exit 7 }

sub opened {
  my ($path, $how) = @_;
  my $file;
  sysopen($file, $path, $how | O_NOFOLLOW) && -f $file or fail("cannot open $path: $!");
  return $file;
}

# make <blobs> <part> <offset> <size> <base>…: appends to the part what the recipe on standard input
# says, until it has <size> bytes, and prints the same bytes.
sub make {
  my ($blobs, $part, $made, $size, @bases) = @_;
  my @files = map { $_ =~ $BLOB or fail("$_ is no blob"); opened("$blobs/$_", O_RDONLY) } @bases;
  my $out = opened($part, O_WRONLY | O_APPEND);
  push @files, opened($part, O_RDONLY);
  my @ends = (0) x @files;
  my ($ready, $written) = ('', $made);
  my $all = sub {
    my ($to, $at) = ($_[0], 0);
    while ($at < length $ready) {
      my $n = syswrite($to, $ready, length($ready) - $at, $at);
      defined $n or unwritable();
      $at += $n;
    }
  };
  my $flush = sub {
    $all->($out);
    $all->(\*STDOUT);
    $written += length $ready;
    $ready = '';
  };
  # Appends exactly so many bytes of a file.
  my $take = sub {
    my ($from, $left, $short) = @_;
    while ($left > 0) {
      my $n = sysread($from, $ready, $left < $BLOCK ? $left : $BLOCK, length $ready);
      defined $n or fail("cannot read: $!");
      $n or $flush->(), $short->();
      $left -= $n;
      $flush->() if length $ready >= $BLOCK;
    }
  };
  # Exactly so many bytes of a file.
  my $exactly = sub {
    my ($from, $left, $short) = @_;
    my $text = '';
    while ($left > 0) {
      my $n = sysread($from, $text, $left, length $text) or $flush->(), $short->();
      $left -= $n;
    }
    return $text;
  };
  my $input = sub { $exactly->(\*STDIN, $_[0], sub { exit 8 }) };
  # Appends exactly so many bytes of a file, changed by the input.
  my $patch = sub {
    my ($from, $left, $short) = @_;
    while ($left > 0) {
      my $n = $left < $BLOCK ? $left : $BLOCK;
      my $old = $exactly->($from, $n, $short);
      $ready .= $old ^ $input->($n);
      $left -= $n;
      $flush->() if length $ready >= $BLOCK;
    }
  };
  $SIG{PIPE} = 'IGNORE';
  while ($made < $size) {
    my $length = $input->(8);
    $length =~ /\A[0-9a-f]{8}\z/ && hex $length < 1 << 24 or fail('no length');
    my $code = $input->(hex $length);
    while ($code =~ /\G(\d{1,18})(?: (-?\d{1,18}) (\d{1,18})( x)?)?\n/gc) {
      my ($from, $skip, $n, $differs) = ($1, $2, $3, $4);
      if (!defined $n) {
        ($n, $from) = ($from, undef);
      }
      $n <= $size - $made or fail('too many bytes');
      if (!defined $from) {
        $take->(\*STDIN, $n, sub { exit 8 });
      } else {
        $from < @files or fail('no such base');
        my $at = $ends[$from] + $skip;
        $at >= 0 or fail('a place before the beginning');
        if ($from == $#files && $at + $n > $written) {
          $flush->();
          $at + $n <= $written or fail('a place behind the end');
        }
        sysseek($files[$from], $at, 0) or fail("cannot seek: $!");
        ($differs ? $patch : $take)->($files[$from], $n, sub { fail('a base is too short') });
        $ends[$from] = $at + $n;
      }
      $made += $n;
    }
    (pos($code) // 0) == length $code && length $code or fail('no instruction');
  }
  $flush->();
}

# like <blobs> <indexes>: reads `<hex> <sketch>` lines up to an empty one and prints, for each,
# `base <hex> <hex of a blob that is alike>`; a few that complement each other, the best first.
sub like {
  my ($blobs, $indexes) = @_;
  my %sketches;
  opendir(my $folder, $indexes) or return;
  for my $hex (grep { $_ =~ $BLOB } readdir $folder) {
    sysopen(my $file, "$indexes/$hex", O_RDONLY | O_NOFOLLOW) or next;
    sysread($file, my $line, 1024) or next;
    $line =~ /\Awebpods-index 1 $hex (\d{1,18}) ([0-9a-f]*)\n/ or next;
    my ($size, $sketch) = ($1, $2);
    (-s "$blobs/$hex" // -1) == $size or next;
    $sketches{$hex} = [unpack '(A8)*', $sketch];
  }
  while (defined(my $line = <STDIN>)) {
    $line =~ /\A([0-9a-f]{64}) ([0-9a-f]*)\n/ or last;
    my $wanted = $1;
    my %open = map { $_ => 1 } unpack '(A8)*', $2;
    my $least = 1;
    for (1 .. 4) {
      my ($best, $most) = (undef, $least - 1);
      for my $hex (sort keys %sketches) {
        my $shared = grep { $open{$_} } @{ $sketches{$hex} };
        ($best, $most) = ($hex, $shared) if $shared > $most && $hex ne $wanted;
      }
      defined $best or last;
      print "base $wanted $best\n";
      delete @open{ @{ $sketches{$best} } };
      $least = 3;
    }
  }
}

binmode STDIN;
binmode STDOUT;
my $do = shift // '';
if ($do eq 'make') { make(@ARGV) }
elsif ($do eq 'like') { like(@ARGV) }
else { fail('make or like?') }
