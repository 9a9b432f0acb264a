// Labels for a map: text in buffers of its own, and the marks that refer to it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

struct colour {
	uint8_t r, g, b, a;
	const char *name;
};

struct mark {
	uint64_t id;
	mark *above;
	const colour *ink;
	char title[24];
};

static const colour black{0, 0, 0, 255, "black"}, red{255, 0, 0, 255, "red"};

struct layer {
	std::vector<mark *> marks;
	char *caption = nullptr;
	size_t room = 0;
};

__attribute__((noinline)) static mark *make_mark(uint64_t id, mark *above)
{
	mark *fresh = static_cast<mark *>(std::malloc(sizeof(mark)));

	fresh->id = id;
	fresh->above = above;
	fresh->ink = id % 2 ? &black : &red;
	std::snprintf(fresh->title, sizeof(fresh->title), "mark %lu", (unsigned long)id);
	return fresh;
}

__attribute__((noinline)) static void make_caption(layer &to, const char *text)
{
	to.room = std::strlen(text) + 1;
	to.caption = static_cast<char *>(std::malloc(to.room));
	std::strcpy(to.caption, text);
}

__attribute__((noinline)) static void extend_caption(layer &of, const std::string &more)
{
#ifdef CAPTION_TOO_LONG
	// The room is that of the first text.
	std::strcat(of.caption, more.c_str());
#else
	of.caption = static_cast<char *>(std::realloc(of.caption, of.room += more.size()));
	std::strcat(of.caption, more.c_str());
#endif
}

__attribute__((noinline)) static void retitle(mark *of, const std::string &title)
{
#ifdef TITLE_TOO_LONG
	// It has twenty-four bytes, and what comes behind is the next mark's.
	std::memcpy(of->title, title.data(), title.size() + 1);
#else
	std::snprintf(of->title, sizeof(of->title), "%s", title.c_str());
#endif
}

__attribute__((noinline)) static unsigned darkness(const mark *of)
{
	unsigned sum = 0;

	for (; of; of = of->above)
		sum += of->ink->r + of->ink->g + of->ink->b;
	return sum;
}

__attribute__((noinline)) static void erase(mark *what)
{
	what->ink = nullptr;
#ifndef ONLY_BLANKED
	std::free(what);
#endif
}

#ifdef AS_TEXT
// A mark read from a file as it stands: its pointers are whatever the file said.
__attribute__((noinline)) static mark *read_mark(const char *line)
{
	mark *fresh = static_cast<mark *>(std::malloc(sizeof(mark)));

	std::strncpy(reinterpret_cast<char *>(fresh), line, sizeof(mark));
	return fresh;
}
#endif

int main()
{
	layer streets, rivers;
	mark *top = nullptr;

	make_caption(streets, "streets and places");
	for (uint64_t id = 1; id <= 4; id++)
		streets.marks.push_back(top = make_mark(id, top));
	make_caption(rivers, "rivers");
	for (uint64_t id = 5; id <= 8; id++)
		rivers.marks.push_back(top = make_mark(id, top));
	std::printf("%u\n", darkness(top));
	extend_caption(rivers, " and lakes, canals and ditches, ponds, bogs, mires, and whatever else is wet in this country");
	retitle(streets.marks[1], "the long street that leads from the market to the harbour and on along the shore");
#if defined(ERASED) || defined(ONLY_BLANKED)
	// The mark above it still leads there.
	erase(streets.marks[2]);
#endif
#ifdef AS_TEXT
	top = read_mark("name=bridge;ink=dark grey;layer=rivers and lakes;");
#endif
	std::printf("%u\n", darkness(top));
	return 0;
}
