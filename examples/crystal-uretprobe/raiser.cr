# SPDX-License-Identifier: MIT
#
# Raises an exception in a function that C code called, and rescues it above the C code. Nothing is wrong with it.
# With an argument it dies by abort instead of exiting when the exception could not be raised, so that there is a core.
@[Link("call")]
lib LibCall
  fun call(function : LibC::Int -> LibC::Int) : LibC::Int
end

lib LibC
  fun atexit(function : ->) : Int
  fun abort : NoReturn
end

def check(number)
  raise "#{number} is not wanted" if number == 42
  number
end

def ask
  LibCall.call(->(number : LibC::Int) { check(number) })
end

LibC.atexit(-> { LibC.abort }) if ARGV.size > 0
begin
  ask
rescue error
  puts "rescued: #{error.message}"
  STDOUT.flush
  LibC._exit(0)
end
