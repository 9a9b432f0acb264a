/* SPDX-License-Identifier: MIT */
/*
 * Accusing: a culprit for an act that was seen, with the citation of the act; a suspect for what is only computed or
 * inferred. Pure. What names nobody accuses nobody.
 */
#ifndef ANALYZER_EVIDENCE_CULPRIT_H
#define ANALYZER_EVIDENCE_CULPRIT_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* The code at `symbol` did the act that `kind`, `id` and `address` cite (a frame of the crashed thread, a recorded
 * call). A symbol without a module accuses nobody, nor does one of the C library, an allocator or a runtime. The symbol
 * is copied. */
struct error *evidence_accuse_code(struct finding *finding, const struct symbol *symbol, enum evidence_kind kind,
				   int64_t id, uint64_t address) must_check;

/* The caller of biography event `index`, of which the call is the act; its innermost frame outside of standard
 * libraries (event_stack_is_standard), nobody where there is none. Where a step of the recorded
 * stack up to it is a guess, it is a suspect. */
struct error *evidence_accuse_caller(struct finding *finding, const struct biography *biography,
				     size_t index) must_check;

/* A process, by pid and name (up to 16 bytes, ended or not); pid 0 with an empty name accuses nobody. */
struct error *evidence_accuse_process(struct finding *finding, uint32_t pid, const char *comm, enum evidence_kind kind,
				      int64_t id) must_check;

/* A limit, by its name. */
struct error *evidence_accuse_limit(struct finding *finding, const char *name, enum evidence_kind kind,
				    int64_t id) must_check;

/* A probe, which is named by the function that it is on; its holder where exactly one was seen. `kind` and so on cite
 * what shows that this probe took part. */
struct error *evidence_accuse_probe(struct finding *finding, const struct probe *probe, enum evidence_kind kind,
				    int64_t id, uint64_t address) must_check;

/* The code at `symbol` as a suspect. */
struct error *evidence_suspect_code(struct finding *finding, const struct symbol *symbol, enum evidence_kind kind,
				    int64_t id, uint64_t address) must_check;

#endif
