# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# See flow.py. Also: a sub left from within loops and blocks, and one called by sort; threads and a number: four that make as many
# calls.
use strict;
use warnings;

package Flow;
sub fact { my $n = shift; return $n <= 1 ? 1 : $n * fact($n - 1); }

package main;

sub deep {
	my $n = shift;
	die "deep enough\n" if $n == 0;
	for (1) { deep($n - 1); }
}

sub guarded {
	eval { deep(2); };
	leaf();
}

sub leaf { 0; }

sub jump { for (1 .. 3) { if ($_ == 2) { return leaf(); } } }

sub skip { no warnings 'exiting'; next; }

sub by_leaf { leaf(); return $a <=> $b; }

sub work {
	Flow::fact(3);
	guarded();
	leaf();
	jump();
	for (1 .. 2) { skip(); }
	my @sorted = sort { by_leaf() } 2, 1;
}

sub in_thread { my $n = shift; outer() while $n-- > 0; }
sub outer { leaf(); }

$| = 1;
print "ready\n";
<STDIN>;
work();
if (grep { $_ eq "threads" } @ARGV) {
	require threads;
	my ($many) = grep { /^\d+$/ } @ARGV;
	my @threads = map { threads->create(\&in_thread, $_) } $many ? ($many) x 4 : (3, 5);
	$_->join for @threads;
}
print "done\n";
<STDIN>;
