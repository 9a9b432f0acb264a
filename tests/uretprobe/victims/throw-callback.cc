// SPDX-License-Identifier: MIT
// An exception that passes through a C function of a library, compiled with unwind tables; main catches it.
#include <stdexcept>

#include "victim.h"

extern "C" {
int call(int (*function)(int));

KEPT int thrower(int number)
{
	if (number)
		throw std::runtime_error("thrown below a C function");
	return number;
}
}

int main()
{
	wait_for_line("ready");
	try {
		return call(thrower) == 0;
	} catch (const std::exception &error) {
		std::printf("caught: %s\n", error.what());
	}
	return 0;
}
