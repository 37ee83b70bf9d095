# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# See flow.py. Also: namespaces, uplevel, apply, and a tail call.
namespace eval flow {
	proc fact {n} { expr {$n <= 1 ? 1 : $n * [fact [expr {$n - 1}]]} }
}

proc deep {n} {
	if {$n == 0} { error "deep enough" }
	deep [expr {$n - 1}]
}

proc guarded {} {
	catch { deep 2 }
	leaf
}

proc leaf {} {}
proc above {} { uplevel 1 leaf }
proc last {} { tailcall leaf }
proc inner {} { namespace eval flow { fact 1 } }

proc work {} {
	flow::fact 3
	guarded
	leaf
	above
	last
	inner
	apply {x {leaf}} 1
}

puts ready
flush stdout
gets stdin
work
puts done
flush stdout
gets stdin
