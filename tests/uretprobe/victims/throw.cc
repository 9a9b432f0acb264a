// SPDX-License-Identifier: MIT
// main calls caller calls probed calls thrower, which throws; who catches is the argument's choice:
//     main      main does: a tracer that has hijacked probed's return makes the unwinder stop there
//     rethrow   probed catches and throws again, and main catches that
//     nobody    nobody does: std::terminate is right
//     barrier   main does, but a noexcept function below probed stops the exception first: std::terminate is right
//     inside    probed does, and then writes to address 0 in leaf
#include <cstring>
#include <stdexcept>

#include "victim.h"

static bool is(const char *end, const char *word)
{
	return std::strcmp(end, word) == 0;
}

extern "C" {
int *volatile nowhere;

KEPT int thrower(const char *end)
{
	if (end)
		throw std::runtime_error("thrown below a probed function");
	return 1;
}

KEPT int barrier(const char *end) noexcept
{
	return thrower(end) + 1;
}

KEPT int leaf(int number)
{
	*nowhere = number;
	return number;
}

KEPT int probed(const char *end)
{
	if (is(end, "barrier"))
		return barrier(end) + 1;
	if (is(end, "inside")) {
		try {
			return thrower(end) + 2;
		} catch (const std::exception &) {
			return leaf(3) + 2;
		}
	}
	if (is(end, "rethrow")) {
		try {
			return thrower(end) + 3;
		} catch (const std::exception &) {
			throw;
		}
	}
	return thrower(end) + 4;
}

KEPT int caller(const char *end)
{
	return probed(end) * 2;
}
}

int main(int argc, char **argv)
{
	const char *end = argc > 1 ? argv[1] : "main";

	wait_for_line("ready");
	if (is(end, "nobody"))
		return caller(end) == 0;
	try {
		return caller(end) == 0;
	} catch (const std::exception &error) {
		std::printf("caught: %s\n", error.what());
	}
	return 0;
}
