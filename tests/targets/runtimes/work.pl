# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# K rounds of known work: calls, objects, exceptions, file loads.
package Thing;
sub new { return bless {}, $_[0]; }
package main;
sub call { return $_[0]; }
sub raising { die "x\n"; }
sub round_of_work {
	for my $i (1 .. 1000) { call($i); }
	for my $i (1 .. 300) { my $thing = Thing->new; }
	for my $i (1 .. 50) { eval { raising(); }; }
	for my $i (1 .. 3) { delete $INC{$ARGV[2]}; require $ARGV[2]; }
}
round_of_work() for 1 .. $ARGV[0];
if ($ARGV[1]) {
	require threads;
	threads->create(sub { })->join for 1 .. $ARGV[1];
}
