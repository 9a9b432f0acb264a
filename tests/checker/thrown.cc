// SPDX-License-Identifier: MIT
// Asks for more memory than there is, and does not catch what new throws.
#include <cstddef>
#include <new>

static void *volatile kept;

int main()
{
	kept = new char[std::size_t{1} << 46];
	return kept == nullptr;
}
