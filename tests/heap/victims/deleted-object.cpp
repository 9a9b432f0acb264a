/* SPDX-License-Identifier: MIT */
/* A virtual function of a deleted object is called: its table's address is the allocator's link now. */
#include <cstdio>

struct animal {
	virtual ~animal() = default;
	virtual int speak(int loud) = 0;
	long age = 3;
};

struct dog : animal {
	int speak(int loud) override
	{
		return loud + static_cast<int>(age);
	}
};

__attribute__((noinline)) static animal *make()
{
	return new dog;
}

__attribute__((noinline)) static void drop(animal *pet)
{
	delete pet;
}

__attribute__((noinline)) static int ask(animal *pet)
{
	return pet->speak(2) + 1;
}

int main()
{
	animal *pet = make();
	int answer = ask(pet);

	drop(pet);
	answer += ask(pet);
	std::printf("%d\n", answer);
	return 0;
}
