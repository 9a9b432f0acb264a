/* SPDX-License-Identifier: MIT */
/*
 * unloaded-code: a thread ran, called or returned into code of a library that had been unloaded.
 *
 * What is seen: the processor could not fetch an instruction because nothing is mapped there, and the last thing
 * recorded of that page is a library's mapping, which the dynamic linker unmapped (dlclose) or which was executable.
 * The file tells which function it would have been. The culprit is who called dlclose, never the library.
 *
 * What it could be mistaken for: a use of unloaded data (the access is no execution); a jump to a wild address that
 * hits an old library by chance (wild-address: open where the file does not say what was there); a file that something
 * else unmapped (other-unmapping); code that a just-in-time compiler had written into anonymous memory
 * (use-after-munmap). Without a record the dynamic linker's freed description of the library is what is left, if that
 * memory was not used again; what else may have been mapped there since is open then.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_unloaded.h"

const struct link_kind link_code_unloaded = {"code-unloaded", FINDING_UNLOADED_CODE, link_unloaded_alternatives};
const struct link_kind link_code_remains = {"unloaded-code-remains", FINDING_UNLOADED_CODE, link_remains_alternatives};

static struct error *summarize(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *died = &biography->events[life->died];
	struct words name, when, caller;

	return finding_set_summary(
		finding,
		"Thread %" PRIu32 " ran %s (0x%" PRIx64 "), code that thread %" PRIu32 " had unloaded in %s, %s.",
		evidence_dead_thread(crash), words_unloaded(&name, crash), crash->facts.fault.address, died->tid,
		words_caller(&caller, biography, life->died), words_before_crash(&when, crash, died->exit_ns));
}

struct error *cause_unloaded_code(const struct crash *crash, struct finding_list *findings)
{
	const struct life *life = link_unloaded_life(crash);
	struct finding *finding;
	struct error *err;

	if (crash->facts.remains.found && crash->facts.fault.is_fault && crash->facts.fault.access == ACCESS_EXECUTE)
		return link_tell_remains(crash, findings, &link_code_remains, "jumped to", "code");
	if (!life || crash->facts.fault.access != ACCESS_EXECUTE)
		return NULL;
	err = finding_append(findings, FINDING_UNLOADED_CODE, &finding)
		?: link_append_unloading(crash, finding, &link_code_unloaded, life)
		?: summarize(crash, life, finding);
	if (!err && !crash->facts.unloaded.symbol)
		err = finding_add_missing(finding, "the function's name: %s",
					  crash->facts.unloaded.is_elf ? "no symbol of the file covers the address"
								       : "the file that was loaded is gone");
	return err
		       ?: finding_set_next_step(
				  finding,
				  "which callbacks, threads, exit handlers or virtual functions of %s outlive its "
				  "dlclose?",
				  words_base_name(crash->facts.unloaded.path));
}
