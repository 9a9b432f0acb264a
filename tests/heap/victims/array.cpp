/* SPDX-License-Identifier: MIT */
/* new[] of objects with a destructor, given to delete. */
struct item {
	~item()
	{
		__asm__ volatile("" ::"r"(this) : "memory");
	}
	long value[3];
};

__attribute__((noinline)) static item *make(int count)
{
	return new item[count];
}

__attribute__((noinline)) static void drop(item *items)
{
	delete items;
}

int main(int argc, char **)
{
	drop(make(argc + 4));
	return 0;
}
