# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# K rounds of known work: calls, objects, exceptions, collections, file loads, threads.
GC.disable

class Thing
end

def call
end

def round_of_work
  i = 0
  while i < 1000
    call
    i += 1
  end
  i = 0
  while i < 300
    Thing.new
    i += 1
  end
  i = 0
  while i < 50
    begin
      raise ArgumentError
    rescue ArgumentError
      nil
    end
    i += 1
  end
  i = 0
  while i < 7
    GC.start
    i += 1
  end
  i = 0
  while i < 3 && ARGV[2]
    load ARGV[2]
    i += 1
  end
end

trace = TracePoint.new(:call, :return) {}
trace.enable if ENV["TRACE"]
k = 0
while k < ARGV[0].to_i
  round_of_work
  k += 1
end
trace.disable
ARGV[1].to_i.times { Thread.new {}.join }
