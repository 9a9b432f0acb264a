// SPDX-License-Identifier: MIT
// A choir: singers by base class, owned by more than one book.
#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

struct singer {
	virtual ~singer() = default;
	virtual int pitch() const = 0;
	long seat = 0;
};

struct alto : singer {
	int pitch() const override { return 440; }
	char name[40] = "Ida";
};

struct bass : singer {
	int pitch() const override { return 110; }
	char name[200] = "Otto";
};

// Not a singer; somebody casts it to one.
struct invoice {
	long euros = 0x51002;
	long cents = 15;
};

__attribute__((noinline)) static int listen_to(const singer *singer)
{
	return singer->pitch();
}

__attribute__((noinline)) static void dismiss(singer *singer)
{
	delete singer;
}

__attribute__((noinline)) static int parse_seat(const std::string &text)
{
	return std::stoi(text);
}

static void nothing_left()
{
	std::cerr << "choir: nothing to sing\n";
	std::abort();
}

int main(int argc, char **argv)
{
	singer *first = new alto, *second = new bass;

	std::cout << listen_to(first) + listen_to(second) << "\n";
#if defined(LEFT)
	dismiss(first);
	std::cout << listen_to(first) << "\n";
#elif defined(LEFT_BEHIND_ANOTHER)
	singer *third = new alto;
	dismiss(third);
	dismiss(first);
	std::cout << listen_to(first) << "\n";
#elif defined(DISMISSED_TWICE)
	dismiss(second);
	dismiss(second);
#elif defined(TWO_BOOKS)
	std::unique_ptr<singer> book(first);
	std::vector<std::unique_ptr<singer>> other;
	other.emplace_back(first);
#elif defined(FLIPPED)
	uintptr_t words[2];
	std::memcpy(words, static_cast<void *>(second), sizeof(words));
	words[0] ^= 1ul << 36;
	std::memcpy(static_cast<void *>(second), words, sizeof(words));
	std::cout << listen_to(second) << "\n";
#elif defined(INVOICE)
	auto *bill = new invoice;
	std::cout << listen_to(reinterpret_cast<singer *>(bill)) << "\n";
#elif defined(SEAT_AS_SINGER)
	// A random-looking number where the object's table should be.
	uint64_t *number = new uint64_t[4]{0x5b7c1e8d3a60, 1, 2, 3};
	std::cout << listen_to(reinterpret_cast<singer *>(number)) << "\n";
#elif defined(CAUGHT_THEN_ABORT)
	try {
		parse_seat("front row");
	} catch (const std::invalid_argument &) {
		std::cerr << "choir: no such seat\n";
	}
	nothing_left();
#elif defined(CAUGHT_THEN_RETHROW)
	try {
		parse_seat("front row");
	} catch (const std::exception &) {
	}
	try {
		throw;
	} catch (...) {
	}
#elif defined(KEPT)
	std::exception_ptr kept;
	try {
		parse_seat("balcony");
	} catch (...) {
		kept = std::current_exception();
	}
	std::rethrow_exception(kept);
#endif
	return 0;
}
