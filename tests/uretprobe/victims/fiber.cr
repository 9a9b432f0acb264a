# SPDX-License-Identifier: MIT
#
# A fiber yields below a C function, and the main fiber calls the same C function meanwhile: its stack lies higher, so
# the kernel drops the first one's pending return.
@[Link("call")]
lib LibCall
  fun call(f : LibC::Int -> LibC::Int) : LibC::Int
end

def patient(x)
  Fiber.yield
  x
end

def fiber_main
  LibCall.call(->(x : LibC::Int) { patient(x) })
end

STDOUT.puts "ready"
STDOUT.flush
STDIN.gets
spawn { fiber_main }
Fiber.yield
LibCall.call(->(x : LibC::Int) { x })
Fiber.yield
Fiber.yield
STDOUT.puts "finished"
