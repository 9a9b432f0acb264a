// Counts values into bins; each series has its bins and its neighbours.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

struct series {
	std::string name;
	std::vector<uint32_t> bins;
	series *next = nullptr;
};

struct summary {
	const char *unit;
	uint32_t *peak;
	summary *other;
};

__attribute__((noinline)) static void count(uint32_t *bins, size_t size, const std::vector<unsigned> &values)
{
	for (unsigned value : values)
#ifdef UNCHECKED
		bins[value] += value;
#else
		bins[value < size ? value : size - 1] += value;
#endif
}

__attribute__((noinline)) static uint32_t highest(const summary *of)
{
	uint32_t peak = 0;

	for (; of; of = of->other)
		if (*of->peak > peak)
			peak = *of->peak;
	return peak;
}

int main()
{
	constexpr size_t size = 10;
	summary *last = nullptr;
	std::vector<uint32_t *> all;
	all.reserve(6);

	for (int i = 0; i < 6; i++) {
		uint32_t *bins = new uint32_t[size]();
		last = new summary{"ms", bins, last};
		all.push_back(bins);
	}
	std::vector<unsigned> values;
	for (unsigned i = 0; i < 40; i++)
		values.push_back(i);
	std::printf("%u\n", highest(last));
	count(all[2], size, values);
#ifdef NEVER_PEAKED
	last->other->peak = nullptr;
#endif
	std::printf("%u\n", highest(last));
	return 0;
}
