/* SPDX-License-Identifier: MIT */
/* A pointer is used in the handler of an exception, where it is not yet what it should be. */
#include <stdexcept>
#include "common.h"
struct lock { int owner; };
static lock locks[2];
separate lock *lock_of(int i) { return i > 1 ? nullptr : &locks[i]; }
separate void check(int i) { if (i > 2) throw std::runtime_error("check"); }
separate int guarded(int i)
{
	lock *volatile held = nullptr;

	try {
		check(i);
		held = lock_of(i);
		check(i + 2);
	} catch (const std::exception &) {
		return held->owner;
	}
	return 0;
}
int main(int argc, char **) { printf("%d\n", guarded(0)); return guarded(argc + 1); }
