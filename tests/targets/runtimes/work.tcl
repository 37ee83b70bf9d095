# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# K rounds of known work: calls, packages, errors.
proc call {n} { return $n }
proc raising {} { error "x" }
proc round_of_work {k} {
	for {set i 0} {$i < 1000} {incr i} { call $i }
	for {set i 0} {$i < 50} {incr i} { catch { raising } }
	for {set i 0} {$i < 3} {incr i} { package provide thing$k$i 1.0 }
}
for {set k 0} {$k < [lindex $argv 0]} {incr k} { round_of_work $k }
