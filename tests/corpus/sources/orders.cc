// Takes orders, prices them, ships them; errors are exceptions, and not all of them are expected.
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace shop {

struct out_of_stock : std::runtime_error {
	explicit out_of_stock(const std::string &article) : std::runtime_error("no more of " + article) {}
};

struct refused { // derives from nothing
	int reason;
};

struct order {
	std::string article;
	int count;
};

class catalogue {
	std::map<std::string, double> prices_{{"tea", 3.5}, {"cups", 12.0}, {"spoons", 2.25}};
	std::map<std::string, int> stock_{{"tea", 100}, {"cups", 3}, {"spoons", 50}};

public:
	double price(const std::string &article) const { return prices_.at(article); }

	__attribute__((noinline)) void take(const order &order)
	{
		int &left = stock_[order.article];
		if (left < order.count)
			throw out_of_stock(order.article);
		left -= order.count;
	}
};

class parcel {
	std::string address_;

public:
	explicit parcel(std::string address) : address_(std::move(address)) {}
	// Checked on the way out, of all places.
	~parcel() noexcept(false)
	{
		if (address_.empty())
			throw std::logic_error("a parcel without an address");
	}
};

__attribute__((noinline)) double total(const catalogue &catalogue, const std::vector<order> &orders)
{
	double sum = 0;
	for (const auto &order : orders)
		sum += catalogue.price(order.article) * order.count;
	return sum;
}

__attribute__((noinline)) int parse_count(const std::string &text)
{
	return std::stoi(text);
}

__attribute__((noinline)) void ship(catalogue &catalogue, const order &order, const std::string &address)
{
	parcel parcel(address);
	catalogue.take(order);
}

__attribute__((noinline)) void notify(const order &order) noexcept
{
	if (order.count > 50)
		throw std::invalid_argument("count " + std::to_string(order.count));
	std::cout << "notified\n";
}

__attribute__((noinline)) void refuse(int reason)
{
	throw refused{reason};
}

void shipper(catalogue &catalogue, const std::vector<order> &orders)
{
	for (const auto &order : orders)
		catalogue.take(order);
}

[[noreturn]] void last_words()
{
	std::cerr << "orders: giving up\n";
	std::abort();
}

} // namespace shop

int main(int argc, char **argv)
{
	using namespace shop;
	catalogue catalogue;
	std::vector<order> orders{{"tea", 2}, {"spoons", 6}};

	std::cout << total(catalogue, orders) << "\n";
	try {
		parse_count("nonsense");
	} catch (const std::exception &error) {
		std::cout << "expected: " << error.what() << "\n";
	}
#if defined(NO_PRICE)
	orders.push_back({"saucers", 1});
	std::cout << total(catalogue, orders) << "\n";
#elif defined(STOCK)
	shipper(catalogue, {{"cups", 2}, {"cups", 2}});
#elif defined(STOCK_THREAD)
	std::thread thread(shipper, std::ref(catalogue), std::vector<order>{{"cups", 2}, {"cups", 2}});
	thread.join();
#elif defined(NUMBER)
	throw argc * 42;
#elif defined(REFUSED)
	try {
		refuse(7);
	} catch (const std::exception &error) {
		std::cout << error.what() << "\n";
	}
#elif defined(NOEXCEPT)
	try {
		notify({"tea", 60});
	} catch (const std::exception &error) {
		std::cout << error.what() << "\n";
	}
#elif defined(TWO_AT_ONCE)
	try {
		ship(catalogue, {"cups", 9}, "");
	} catch (const std::exception &error) {
		std::cout << error.what() << "\n";
	}
#elif defined(RETHROWN)
	try {
		total(catalogue, {{"saucers", 1}});
	} catch (const std::out_of_range &) {
		std::cout << "told somebody\n";
		throw;
	}
#elif defined(NOTHING_TO_RETHROW)
	throw;
#elif defined(HANDLER)
	std::set_terminate(last_words);
	shipper(catalogue, {{"cups", 20}});
#elif defined(NOT_JOINED)
	std::thread thread([] {
		std::this_thread::sleep_for(std::chrono::seconds(30));
	});
#elif defined(NO_MEMORY)
	std::vector<std::vector<double>> tables;
	for (std::size_t i = 1; i; i <<= 20)
		tables.emplace_back(i << 20);
#elif defined(NO_CALLBACK)
	std::function<void(int)> callback;
	callback(3);
#elif defined(VARIANT)
	std::variant<int, std::string> value = 3;
	std::cout << std::get<std::string>(value) << "\n";
#elif defined(FUTURE)
	std::unique_ptr<order> none;
	try {
		std::optional<order> maybe;
		std::cout << maybe.value().count << "\n";
	} catch (const refused &) {
		std::cout << "no\n";
	}
#elif defined(CAUGHT_THEN_ABORT)
	try {
		shipper(catalogue, {{"cups", 20}});
	} catch (const std::exception &error) {
		std::cerr << error.what() << "\n";
		std::abort();
	}
#endif
	return 0;
}
