/* SPDX-License-Identifier: MIT */
/* A library that is loaded and unloaded by victims/mappings.c. */
long plugin_counters[8192];

static volatile int calls;

void plugin_callback(int what)
{
	calls += what;
}

const char *plugin_name(void)
{
	return "a plugin";
}
