// SPDX-License-Identifier: MIT
// Calls of operator new and delete; prints what must be recorded, as heap_calls.c does: ROLE OLD_BLOCK BLOCK SIZE ALIGNMENT
#include <cstdio>
#include <cstddef>
#include <new>

struct alignas(128) wide {
	char bytes[300];
};

static void tell(const char *role, void *old_block, void *block, std::size_t size, std::size_t alignment)
{
	static char lines[1 << 14];
	static std::size_t used;

	if (role)
		used += static_cast<std::size_t>(std::snprintf(lines + used, sizeof(lines) - used, "%s %p %p %zu %zu\n", role, old_block, block, size, alignment));
	else
		std::fputs(lines, stdout);
}

int main()
{
	void *plain = ::operator new(48);
	tell("new", nullptr, plain, 48, 0);
	void *array = ::operator new[](1000);
	tell("new", nullptr, array, 1000, 0);
	void *quiet = ::operator new(70, std::nothrow);
	tell("new", nullptr, quiet, 70, 0);
	void *aligned = ::operator new(300, std::align_val_t(128));
	tell("new", nullptr, aligned, 300, 128);
	::operator delete(plain);
	tell("delete", plain, nullptr, 0, 0);
	::operator delete[](array);
	tell("delete", array, nullptr, 0, 0);
	::operator delete(quiet, std::size_t(70));
	tell("delete", quiet, nullptr, 0, 0);
	::operator delete(aligned, std::align_val_t(128));
	tell("delete", aligned, nullptr, 0, 0);
	wide *object = new wide;
	tell("new", nullptr, object, sizeof(wide), 128);
	delete object;
	tell("delete", object, nullptr, 0, 0);
	tell(nullptr, nullptr, nullptr, 0, 0);
}
