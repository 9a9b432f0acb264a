/* SPDX-License-Identifier: MIT */
/* The macros of marker.h, from C++: they must compile with every warning, and leave errno alone. */
#include <cerrno>
#include <string>

#include "corelate/marker.h"

int main()
{
	const std::string text = "from C++";
	enum class step { first = 161, second };

	errno = 4242;
	CORELATE_MARK(step::first);
	CORELATE_MARK_TEXT(static_cast<int>(step::second), text.c_str());
	return errno == 4242 ? 0 : 1;
}
