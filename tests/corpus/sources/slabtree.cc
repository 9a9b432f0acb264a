// Intervals in a binary tree; the nodes come from slabs.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>
#include <sys/mman.h>

namespace intervals {

class visitor {
public:
	virtual ~visitor() = default;
	virtual void visit(uint64_t start, uint64_t end) = 0;
};

struct span {
	uint64_t start, end;
};

struct node {
	node *left = nullptr, *right = nullptr;
	const span *what = nullptr;
	visitor *notify = nullptr;
	uint64_t key = 0;
};

class slab {
public:
	explicit slab(size_t pages) : size_(pages * 4096)
	{
		base_ = static_cast<char *>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		if (base_ == MAP_FAILED)
			std::abort();
	}
	template <class T, class... Args> T *make(Args &&...args)
	{
		void *at = base_ + used_;
		used_ += sizeof(T);
		if (used_ > size_)
			std::abort();
		return new (at) T{std::forward<Args>(args)...};
	}
	__attribute__((noinline)) void trim()
	{
		madvise(base_, size_, MADV_DONTNEED);
	}
	__attribute__((noinline)) void reset()
	{
		trim();
		used_ = 0;
	}
	__attribute__((noinline)) void grow(size_t pages)
	{
		// Right behind: whoever lives there.
		mmap(base_ + size_, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		size_ += pages * 4096;
	}
	char *base() const
	{
		return base_;
	}

private:
	char *base_;
	size_t size_, used_ = 0;
};

class counter : public visitor {
public:
	void visit(uint64_t start, uint64_t end) override
	{
		total += end - start;
	}
	uint64_t total = 0;
};

class tree {
public:
	tree(slab &nodes, slab &spans) : nodes_(nodes), spans_(spans)
	{
	}
	__attribute__((noinline)) void insert(uint64_t start, uint64_t end, visitor *notify)
	{
		node **link = &root_;

		while (*link)
			link = start < (*link)->key ? &(*link)->left : &(*link)->right;
		node *fresh = nodes_.make<node>();
		fresh->key = start;
		fresh->what = spans_.make<span>(start, end);
		fresh->notify = notify;
		*link = fresh;
	}
	__attribute__((noinline)) const span &find(uint64_t key) const
	{
		const node *at = root_;

		while (at->key != key)
			at = key < at->key ? at->left : at->right;
		return *at->what;
	}
	__attribute__((noinline)) void tell(uint64_t key) const
	{
		const node *at = root_;

		while (at->key != key)
			at = key < at->key ? at->left : at->right;
		at->notify->visit(at->what->start, at->what->end);
	}
	__attribute__((noinline)) uint64_t width(const node *at) const
	{
		return at->what->end - at->what->start;
	}
	__attribute__((noinline)) uint64_t sum() const
	{
		std::vector<const node *> waiting{root_};
		uint64_t total = 0;

		while (!waiting.empty()) {
			const node *at = waiting.back();
			waiting.pop_back();
			total += width(at);
			if (at->left)
				waiting.push_back(at->left);
			if (at->right)
				waiting.push_back(at->right);
		}
		return total;
	}

private:
	slab &nodes_, &spans_;
	node *root_ = nullptr;
};

} // namespace intervals

int main()
{
	using namespace intervals;
	slab spans(4), nodes(4), spare(4);
	// The kernel places each below the one before, unless a gap higher up fits; then the next is the neighbour.
	while (spare.base() + 4 * 4096 != nodes.base()) {
		nodes = spare;
		spare = slab(4);
	}
	tree index(nodes, spans);
	counter count;
	static const unsigned order[] = {500, 250, 750, 125, 375, 625, 875, 60, 180, 310, 440};

	for (unsigned key : order)
		index.insert(key, key + 20, &count);
	index.tell(375);
	std::printf("%lu wide, found %lu\n", (unsigned long)index.sum(), (unsigned long)index.find(310).end);
#if defined(TRIMMED)
	nodes.trim();
#elif defined(SPARE_TRIMMED)
	// Nothing wrong: an unused slab.
	spare.trim();
#elif defined(RESET_AND_REUSED)
	// Nothing wrong either: the nodes are made anew, one of them without an interval.
	nodes.reset();
	tree again(nodes, spans);
	for (unsigned key : order)
		again.insert(key, key + 10, key == 440 ? nullptr : &count);
	again.tell(440);
#elif defined(GROWN)
	spare.grow(2);
#elif defined(GROWN_AND_USED)
	spare.grow(2);
	for (unsigned i = 0; i < 1024; i++)
		spare.make<span>(i * 100, i * 100 + 7);
#endif
#if defined(SUM)
	std::printf("%lu wide\n", (unsigned long)index.sum());
#elif defined(TELL)
	index.tell(375);
#else
	std::printf("%lu\n", (unsigned long)index.find(999).end);
#endif
	return count.total != 0;
}
