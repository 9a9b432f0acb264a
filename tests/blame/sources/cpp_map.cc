/* SPDX-License-Identifier: MIT */
/* A registry's lookup finds nothing. */
#include <map>
#include <string>
#include "common.h"
struct plugin { int version; };
class registry {
	std::map<std::string, plugin *> known;
public:
	void add(const std::string &name, plugin *what) { known[name] = what; }
	separate plugin *get(const std::string &name) { auto at = known.find(name); if (at == known.end()) return nullptr; return at->second; }
};
separate int version_of(registry &all, const char *name) { return all.get(name)->version; }
int main(int, char **) { registry all; plugin one{4}; all.add("one", &one); printf("%d\n", version_of(all, "one")); return version_of(all, "two"); }
