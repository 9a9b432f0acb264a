# SPDX-License-Identifier: MIT
#
# Raises below a C function; the rescue is above it. With an argument, a core is made when the process exits with the
# status of a raise that failed.
@[Link("call")]
lib LibCall
  fun call(f : LibC::Int -> LibC::Int) : LibC::Int
end

lib LibC
  fun atexit(f : ->) : Int
  fun abort : NoReturn
end

def thrower(x)
  raise "raised below a C function" if x == 42
  x
end

def enter
  LibCall.call(->(x : LibC::Int) { thrower(x) })
end

STDOUT.puts "ready"
STDOUT.flush
STDIN.gets
LibC.atexit(-> { LibC.abort }) if ARGV.size > 0
begin
  enter
rescue ex
  STDOUT.puts "rescued: #{ex.message}"
  STDOUT.flush
  LibC._exit(0)
end
