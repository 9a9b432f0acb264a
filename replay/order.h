/* SPDX-License-Identifier: MIT */
/*
 * What calls did to one piece of an address space, in the order in which they took effect. Pure; no addresses.
 *
 * A record of a call says when it began and when it returned; it took effect at some moment in between, and records
 * come by the return. Two calls whose times do not overlap have an order. Of two that do, the kernel's own rules may
 * tell: memory that mmap gave out without MAP_FIXED was free at that moment, so that an munmap of what stood there came
 * before, however late it returned; what mprotect changed or mremap moved was mapped. All orders that the times allow
 * are tried, and those count that break the fewest of these rules (a lost event may make every order break one). The
 * first of them is taken; where others give a life another end or protection, the life is "open".
 *
 * A call that failed and may have acted (`failed`) is tried both ways, by the same count.
 *
 * A history keeps the newest HISTORY_STEPS calls; older ones are settled and reported (struct history_sink). A call
 * that comes later still, and began before the settled ones had ended, makes the lives that it may concern open, unless
 * it is the end that a mapping made over a live one had shown to be missing.
 */
#ifndef REPLAY_ORDER_H
#define REPLAY_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* Names a call to whoever asked for the replay: an id or an index, 0 or more. */
#define REPLAY_STANDING (-1) /* instead of the call that ended a life: it has not ended */
#define REPLAY_NO_CALL (-2)

#define HISTORY_STEPS 5

/* The call that did it, or REPLAY_NO_CALL. Only where the replay follows advice. */
struct history_marks {
	int64_t guarded_by;   /* accesses fault (MADV_GUARD_INSTALL) */
	int64_t discarded_by; /* threw contents away last */
	int64_t unforked_by;  /* a child will not have it (MADV_DONTFORK) */
	int64_t wiped_by;     /* a child will find it empty (MADV_WIPEONFORK, MAP_DROPPABLE) */
};

#define HISTORY_PKEY_UNKNOWN (-1)
#define HISTORY_PKEY_STAYS (-2) /* of ACT_PROTECT */

struct history_content {
	int32_t protection; /* PROT_*; -1: not known, and then file and flags are not either */
	int32_t pkey;	    /* protection key, or HISTORY_PKEY_UNKNOWN */
	uint32_t flags;	    /* MAP_*, as the call that made it had them */
	uint8_t shm;	    /* enum history_shm */
	int64_t file_id;    /* 0: none */
	/* Offset in the file (or segment) minus address, of every byte (modulo 2^64). */
	uint64_t file_shift;
	struct history_marks marks;
};

enum history_shm { SHM_UNKNOWN, SHM_NOT, SHM_ATTACHED };

extern const struct history_marks history_no_marks;
extern const struct history_content history_unknown;

enum history_act {
	ACT_MAP,     /* a mapping stands here now */
	ACT_UNMAP,   /* nothing does */
	ACT_PROTECT, /* content.protection (and pkey) is that of what stands here */
	ACT_FIND,    /* a mapping was found: the one that is known, or, where none is, another */
	ACT_ADVISE,  /* step.advice is done to what stands here */
};

/* Besides the kernel's: what it held is elsewhere or gone, and a guard too (a child's MADV_WIPEONFORK, or
 * MREMAP_DONTUNMAP). */
#define ADVICE_EMPTIED 0xffff

struct history_step {
	int64_t call;
	uint64_t enter_ns, exit_ns;
	uint32_t thread;   /* makes one call after another, whatever the clock says */
	uint8_t act;	   /* enum history_act */
	uint16_t advice;   /* of ACT_ADVISE: enum kernel_advice, or ADVICE_EMPTIED */
	bool wants_free;   /* the kernel would not have done this over a mapping */
	bool wants_mapped; /* nor this over a hole */
	bool failed;	   /* it may not have acted; that is tried first, unless it is */
	bool is_probable;  /* to have acted all the same */
	bool is_munmap;	   /* of ACT_UNMAP: a call whose repetition is worth reporting */
	struct history_content content;
	bool is_clouded; /* the life that it makes is open for good, as is the hole that it leaves */
	/* Not the caller's. */
	bool acted;
	bool is_open;		 /* the life that it made is, as the orders have it */
	bool has_open_marks;	 /* and its marks */
	int64_t other;		 /* the call that ends that life in another order, or REPLAY_STANDING, or _NO_CALL */
	int64_t other_protector; /* the call that gives it another protection in another order, or _NO_CALL */
};

enum history_kind { PIECE_UNKNOWN, PIECE_FREE, PIECE_MAPPED };

struct history_state {
	enum history_kind kind;
	bool is_open, is_clouded;
	bool has_open_marks; /* the orders disagree about content.marks */
	int64_t call;	     /* that mapped it, or made it free */
	int64_t other, other_protector;
	int64_t protected_by; /* the last call that set its protection; `call` when none has since */
	struct history_content content;
};

struct history {
	struct history_state base; /* before the steps */
	struct history_step *steps;
	unsigned char count, room;
	bool has_orders;	 /* more than one counts */
	bool breaks_rules;	 /* each of them; a call that comes late may mend it */
	bool settled_by_many;	 /* threads */
	uint32_t settled_thread; /* else the one */
	uint64_t settled_ns;	 /* the latest return among those that were settled; 0: none was */
	/* A settled mapping was made over a live one, whose end had not been seen; when that call returned. 0: none. */
	uint64_t owed_ns;
};

/* What is reported of a piece when it is settled. `life` is the state before its end; gone: the call, or
 * REPLAY_STANDING. */
struct history_sink {
	struct error *(*take_life)(struct history_sink *sink, const struct history_state *life, int64_t gone);
	/* `call` unmapped what `earlier` had taken away and nothing had been mapped in since. NULL: not wanted. */
	struct error *(*take_again)(struct history_sink *sink, int64_t earlier, int64_t call);
};

/* Trials that may still be made, over all histories of a replay: a hostile record could ask for any number. When it is
 * used up, calls that overlap make their lives open without further thought. */
struct history_budget {
	uint64_t trials;
};

/* Adds a call; calls come by their return. May settle. *ret_before, if not NULL: the call that this one turned out to
 * come right before, or REPLAY_NO_CALL when it came last. */
struct error *history_add(struct history *history, const struct history_step *step, struct history_budget *budget,
			  struct history_sink *sink, int64_t *ret_before) must_check;

/* Another thread's call had not returned by `enter_ns`. */
bool history_was_busy(const struct history *history, uint32_t thread, uint64_t enter_ns);

/* Settles what returned before `time_ns`. UINT64_MAX: all of it. */
struct error *history_settle(struct history *history, uint64_t time_ns, struct history_sink *sink) must_check;

/* Both become one piece: what came late for either is late for it. */
void history_take_settled(struct history *history, const struct history *other);

/* Makes all lives that are not settled open for good: something that this piece alone does not show may have happened.
 */
void history_cloud(struct history *history);

/* After all steps. */
struct history_state history_now(const struct history *history);

struct error *history_copy(const struct history *history, struct history *ret_copy) must_check;
void history_deinit(struct history *history);

/* The same calls made the same of both: they differ at most in which call set the protection last. */
bool history_is_alike(const struct history *left, const struct history *right);

#endif
