# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# See flow.py. Ruby tells of methods written in Ruby only while a TracePoint is enabled.
class Flow
  def fact(n)
    n <= 1 ? 1 : n * fact(n - 1)
  end

  def deep(n)
    raise ArgumentError, "deep enough" if n == 0
    deep(n - 1)
  end

  def guarded
    deep(2)
  rescue ArgumentError
    leaf
  end

  def leaf
  end

  def work
    fact(3)
    guarded
    leaf
  end

  def in_thread(n)
    outer while (n -= 1) >= 0
  end

  def outer
    leaf
  end
end

TracePoint.new(:call, :return) {}.enable unless ARGV.include?("untraced")
puts "ready"
$stdout.flush
$stdin.gets
Flow.new.work
if ARGV.include?("threads")
  [3, 5].map { |n| Thread.new { Flow.new.in_thread(n) } }.each(&:join)
end
puts "done"
$stdout.flush
$stdin.gets
