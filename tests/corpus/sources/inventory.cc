// Stock of a warehouse, in modern C++ with some old habits.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct item {
	virtual ~item() = default;
	virtual int weigh() const { return 1; }
	std::string name;
};

struct crate : item {
	int weigh() const override { return 40; }
	std::vector<item *> inside;
};

// Owns its bytes, copies the pointer.
class label {
	char *text_;

public:
	explicit label(const char *text) : text_(strdup(text)) {}
	~label() { std::free(text_); }
	const char *text() const { return text_; }
};

struct listener {
	std::function<void(int)> heard;
	int calls = 0;
};

class bus {
	std::vector<listener> listeners_;

public:
	void add(std::function<void(int)> heard) { listeners_.push_back({std::move(heard)}); }
	__attribute__((noinline)) void publish(int value)
	{
		for (auto &listener : listeners_)
			listener.heard(value);
	}
};

struct registry {
	std::map<std::string, std::unique_ptr<item>> items;
	~registry()
	{
		if (items.count("forgotten"))
			throw std::runtime_error("an item was forgotten");
	}
};

static registry everything;

extern "C" void each(const int *values, int count, void (*visit)(int));

static void visit(int value)
{
	if (value > 2)
		throw std::domain_error("too large");
	std::cout << value << "\n";
}

__attribute__((noinline)) static int weigh_all(const std::vector<std::unique_ptr<item>> &items)
{
	int sum = 0;
	for (const auto &item : items)
		sum += item->weigh();
	return sum;
}

__attribute__((noinline)) static void print_label(label label)
{
	std::cout << label.text() << "\n";
}

__attribute__((noinline)) static void remove_light(std::map<int, std::string> &shelf)
{
	for (auto it = shelf.begin(); it != shelf.end(); ++it)
		if (it->first % 2)
			shelf.erase(it);
}

int main(int argc, char **argv)
{
	std::vector<std::unique_ptr<item>> items;
	items.push_back(std::make_unique<item>());
	items.push_back(std::make_unique<crate>());
	std::cout << weigh_all(items) << "\n";
#if defined(MOVED)
	auto taken = std::move(items[1]);
	std::cout << weigh_all(items) << "\n";
#elif defined(COPIED)
	label label("fragile, handle with care");
	print_label(label);
#elif defined(LISTENER)
	bus bus;
	int seen = 0;
	bus.add([&](int value) {
		seen += value;
		for (int i = 0; i < 40; i++)
			bus.add([i, &seen](int value) { seen += value * i; });
	});
	bus.add([&](int value) { seen -= value; });
	bus.publish(3);
	std::cout << seen << "\n";
#elif defined(ERASED)
	std::map<int, std::string> shelf;
	for (int i = 0; i < 64; i++)
		shelf[i * 7 % 61] = "a name that is rather long for a shelf";
	remove_light(shelf);
	std::cout << shelf.size() << "\n";
#elif defined(TWICE)
	item *one = new crate;
	item *two = one;
	delete one;
	delete two;
#elif defined(FORGOTTEN)
	everything.items["forgotten"] = nullptr;
#elif defined(THROUGH_C)
	const int values[] = {1, 2, 3};
	try {
		each(values, 3, visit);
	} catch (const std::domain_error &error) {
		std::cout << "caught " << error.what() << "\n";
	}
#elif defined(FLIPPED)
	crate *crate = static_cast<::crate *>(items[1].get());
	*reinterpret_cast<unsigned long *>(crate) ^= 1ul << 43;
	std::cout << weigh_all(items) << "\n";
#elif defined(BAD_CAST)
	// The void pointer of another interface.
	std::string text = "not an item at all, but text";
	auto *wrong = reinterpret_cast<item *>(text.data());
	std::cout << wrong->weigh() << "\n";
#elif defined(CONSTANT)
	char *name = const_cast<char *>("read only name");
	std::reverse(name, name + 4);
#elif defined(THREAD_THROWS)
	std::thread thread([] { throw std::length_error("belt too short"); });
	thread.join();
#elif defined(LONG_CHAIN)
	struct link {
		std::unique_ptr<link> next;
	};
	std::unique_ptr<link> chain;
	for (int i = 0; i < 300000; i++) {
		auto fresh = std::make_unique<link>();
		fresh->next = std::move(chain);
		chain = std::move(fresh);
	}
#endif
	return 0;
}
