// A scene of shapes: who owns them is not always clear.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

class shape {
public:
	explicit shape(std::string name) : name_(std::move(name)) {}
	virtual ~shape() = default;
	virtual double area() const = 0;
	virtual std::string describe() const { return name_; }
	shape *parent = nullptr;

protected:
	std::string name_;
};

class circle : public shape {
	double radius_;

public:
	explicit circle(double radius) : shape("circle"), radius_(radius) {}
	double area() const override { return 3.14159 * radius_ * radius_; }
};

class image : public shape {
	std::vector<unsigned char> pixels_;

public:
	explicit image(std::size_t bytes) : shape("image"), pixels_(bytes, 7) {}
	double area() const override { return static_cast<double>(pixels_.size()); }
	const unsigned char *pixels() const { return pixels_.data(); }
	void resize(std::size_t bytes) { pixels_.resize(bytes); }
};

class early : public shape {
public:
	early();
	double area() const override { return 1; }
};

class base {
public:
	base() { announce(); }
	virtual ~base() = default;
	void announce() { print(); }
	virtual void print() = 0;
};

class derived : public base {
	void print() override { std::cout << "derived\n"; }
};

__attribute__((noinline)) static double total_area(const std::vector<shape *> &shapes)
{
	double sum = 0;
	for (const shape *shape : shapes)
		sum += shape->area();
	return sum;
}

__attribute__((noinline)) static std::string path_of(const shape *shape)
{
	// A shape that is its own ancestor has a long path.
	return shape->parent ? path_of(shape->parent) + "/" + shape->describe() : shape->describe();
}

__attribute__((noinline)) static unsigned sum_pixels(const unsigned char *pixels, std::size_t count)
{
	unsigned sum = 0;
	for (std::size_t i = 0; i < count; i += 512)
		sum += pixels[i];
	return sum;
}

__attribute__((noinline)) static std::size_t longest(const std::vector<std::string> &names)
{
	return std::max_element(names.begin(), names.end(),
				[](const auto &a, const auto &b) { return a.size() < b.size(); })->size();
}

__attribute__((noinline)) static int pick(const std::vector<int> &values, std::size_t at)
{
	return values[at];
}

int main(int argc, char **argv)
{
	auto first = std::make_unique<circle>(2.0);
	auto second = std::make_unique<image>(4096);
	std::vector<shape *> shapes{first.get(), second.get()};

	std::cout << total_area(shapes) << "\n";
#if defined(NO_SHAPE)
	shapes.push_back(nullptr);
	std::cout << total_area(shapes) << "\n";
#elif defined(GONE)
	second.reset();
	std::cout << total_area(shapes) << "\n";
#elif defined(GONE_LARGE)
	auto large = std::make_unique<image>(2 << 20);
	const unsigned char *pixels = large->pixels();
	large->resize(8 << 20);
	std::cout << sum_pixels(pixels, 2 << 20) << "\n";
#elif defined(OWNED_TWICE)
	std::shared_ptr<shape> one(first.get()), two(first.get());
	first.release();
#elif defined(OVERWRITTEN)
	// The name of one shape is copied over another by somebody who thinks in bytes.
	std::memcpy(static_cast<void *>(first.get()), "a shape drawn by hand", 22);
	std::cout << total_area(shapes) << "\n";
	first.release();
#elif defined(OWN_ANCESTOR)
	first->parent = second.get();
	second->parent = first.get();
	std::cout << path_of(first.get()) << "\n";
#elif defined(PURE)
	derived object;
#elif defined(NO_NAMES)
	std::cout << longest({}) << "\n";
#elif defined(CHECKED_INDEX)
	std::vector<int> values{1, 2, 3};
	std::cout << pick(values, 3 + argc) << "\n";
#elif defined(FAR_INDEX)
	std::vector<int> values{1, 2, 3};
	std::cout << pick(values, static_cast<std::size_t>(argc) << 31) << "\n";
#elif defined(MISMATCHED)
	// Made as an array with a hidden count in front, given back as plain memory.
	auto *names = new std::string[argc + 3];
	std::free(names);
#elif defined(DELETED_MEMBER)
	struct pair {
		circle left{1.0}, right{2.0};
	};
	auto *pair_of = new pair;
	delete &pair_of->right;
#elif defined(ITERATOR)
	std::list<std::string> names{"a rather long name that lives on the heap", "another name of that kind", "third one, also rather long"};
	for (auto it = names.begin(); it != names.end(); ++it)
		if (it->size() > 10) {
			names.erase(it);
			std::vector<std::string> fill(8, "zzzzzzzzzzzzzzzz");
			std::cout << fill.size() << *it << "\n";
		}
#elif defined(NULL_THIS)
	std::map<std::string, image *> images{{"a", second.get()}};
	std::cout << sum_pixels(images["b"]->pixels(), 512) << "\n";
#elif defined(MEMBER_POINTER)
	double (*measure)(const shape *) = nullptr;
	std::unordered_map<std::string, double (*)(const shape *)> table{{"area", nullptr}};
	measure = table["area"];
	std::cout << measure(first.get()) << "\n";
#elif defined(RECURSIVE_LAMBDA)
	std::function<int(int)> count = [&](int n) { return n == 0 ? 0 : count(n + argc) + 1; };
	std::cout << count(1) << "\n";
#elif defined(THREAD_NULL)
	shapes.push_back(nullptr);
	std::thread thread([&] { std::cout << total_area(shapes) << "\n"; });
	thread.join();
#endif
	return 0;
}
