// SPDX-License-Identifier: MIT
// main calls load, which waits and then throws; main catches, and calls stats.
#include <stdexcept>

#include "victim.h"

extern "C" {
KEPT int stats(int number)
{
	return number * 3;
}

KEPT int load(int number)
{
	wait_for_line("inside");
	if (number)
		throw std::runtime_error("nothing to load");
	return 1;
}
}

int main()
{
	wait_for_line("ready");
	try {
		return load(2) == 0;
	} catch (const std::exception &error) {
		std::printf("caught: %s, %d\n", error.what(), stats(1));
	}
	return 0;
}
