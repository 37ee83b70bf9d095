/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The layout of struct client by following its pointer through a few small functions.
 */
#include "redis/redis_layout.h"

#include <array_size.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <blazesym-lite.h>

#include "redis/redis_dwarf.h"

#define FUNCTION_BYTES_MAX 1024

/* ---- functions ------------------------------------------------------------------------------ */

static int keep_symbol(const struct bsl_symbol *sym, void *ctx)
{
	*(struct bsl_symbol *)ctx = *sym;
	return 1;
}

#define ANY (-1)
#define DEREF (-2)
#define INNER (-3)

/* What to look for: the first access of a kind to *p, p being a function's first argument. */
struct rule {
	const char *functions[4]; /* the next one in versions that lack the first */
	uint8_t size;
	bool is_store;
	/*
	 * Only a load of a pointer that is read here next (8: argv[1]); DEREF: read anywhere; INNER: the same, but where it
	 * is read is what to find. ANY: any.
	 */
	int8_t then_at;
};

static bool is_held(uint32_t holders, int reg)
{
	return reg >= 0 && (holders >> reg & 1);
}

/*
 * The register that an instruction changes. Not by a pop: it ends a function, and the code behind its ret goes on with
 * the registers as they were before.
 */
static int changed_reg(const struct bsl_insn *insn)
{
	return insn->op == BSL_OP_POP ? BSL_REG_NONE : insn->writes;
}

static void follow_pointer(const struct bsl_machine *machine, const struct bsl_insn *insn,
			   uint32_t *holders)
{
	bool is_copy = insn->op == BSL_OP_MOVE && insn->size == 8 && is_held(*holders, insn->from);
	int changed = changed_reg(insn);

	if (insn->kind == BSL_INSN_CALL || insn->kind == BSL_INSN_CALL_INDIRECT)
		*holders &= machine->c.callee_saved;
	if (changed < 0)
		return;
	*holders &= ~(1u << changed);
	if (is_copy)
		*holders |= 1u << changed;
}

/* A member of what a register points to: neither an element nor thread-local. */
static bool is_member(const struct bsl_insn *insn)
{
	return insn->base >= 0 && insn->index == BSL_REG_NONE && !insn->has_segment;
}

static bool is_match(const struct rule *rule, const struct bsl_insn *insn, uint32_t holders)
{
	return is_member(insn) && is_held(holders, insn->base) && insn->size == rule->size &&
	       insn->op == (rule->is_store ? BSL_OP_STORE : BSL_OP_LOAD) && insn->disp >= 0 &&
	       insn->disp + insn->size <= REDIS_CLIENT_SPAN && insn->disp % insn->size == 0;
}

static uint16_t inner_field(const struct bsl_insn *insn)
{
	return insn->disp >= 0 && insn->disp % 8 == 0 && insn->disp < REDIS_NO_FIELD
		       ? insn->disp
		       : REDIS_NO_FIELD;
}

/* The displacement, or REDIS_NO_FIELD. */
static uint16_t apply_rule(const struct bsl_machine *machine, const struct rule *rule,
			   const uint8_t *code, size_t size)
{
	/* Registers that hold the first argument, a bit each. */
	uint32_t holders = 1u << machine->c.args[0];
	int candidate_reg = BSL_REG_NONE;
	uint16_t candidate = REDIS_NO_FIELD;
	struct bsl_insn insn;

	for (size_t at = 0; at < size; at += insn.length) {
		if (bsl_insn_decode(machine->elf, code + at, size - at, at, &insn) < 0)
			return REDIS_NO_FIELD;
		if (candidate_reg >= 0 && insn.op == BSL_OP_LOAD && insn.size == 8 &&
		    is_member(&insn) && insn.base == candidate_reg &&
		    (insn.disp == rule->then_at || rule->then_at == DEREF ||
		     rule->then_at == INNER))
			return rule->then_at == INNER ? inner_field(&insn) : candidate;
		if (is_match(rule, &insn, holders)) {
			if (rule->then_at == ANY)
				return insn.disp;
			candidate = insn.disp;
			candidate_reg = insn.reg;
		} else if (candidate_reg >= 0 && changed_reg(&insn) == candidate_reg) {
			candidate_reg = BSL_REG_NONE;
		}
		follow_pointer(machine, &insn, &holders);
	}
	return REDIS_NO_FIELD;
}

static bool has_symbol(struct bsl_elf *elf, const char *name)
{
	struct bsl_symbol sym;

	return bsl_elf_find_symbols(elf, name, 0, keep_symbol, &sym) > 0;
}

static uint16_t find_field(struct bsl_elf *elf, const struct rule *rule)
{
	size_t most = ARRAY_SIZE(rule->functions);
	uint16_t field = REDIS_NO_FIELD;
	const struct bsl_machine *machine = bsl_machine_get(bsl_elf_machine(elf));
	struct bsl_symbol sym;
	const uint8_t *code;

	for (size_t i = 0; i < most && rule->functions[i] && field == REDIS_NO_FIELD; i++) {
		if (bsl_elf_find_symbols(elf, rule->functions[i], 0, keep_symbol, &sym) <= 0)
			continue;
		if (sym.size > FUNCTION_BYTES_MAX)
			sym.size = FUNCTION_BYTES_MAX;
		code = bsl_elf_data(elf, sym.addr, sym.size);
		field = code && machine ? apply_rule(machine, rule, code, sym.size)
					: REDIS_NO_FIELD;
	}
	return field;
}

/* ---- the layout ----------------------------------------------------------------------------- */

#define ARITY_ERROR "addReplyErrorArity"

static const struct {
	size_t field; /* in struct redis_layout */
	bool in_client;
	struct rule rule;
} fields[] = {
#define FIELD(name) offsetof(struct redis_layout, name)
	/* if (c->argc > 2) ...; addReplyBulk(c, c->argv[1]) */
	{ FIELD(argc), true, { { "pingCommand" }, 4, false, ANY } },
	{ FIELD(argv), true, { { "pingCommand" }, 8, false, 8 } },
	/* c->db = &server.db[id] */
	{ FIELD(db), true, { { "selectDb" }, 8, true, ANY } },
	/* c->flags |= CLIENT_PROTECTED; if (c->conn) c->conn->type->... */
	{ FIELD(conn), true, { { "protectClient" }, 8, false, 0 } },
	/* if (c->name) decrRefCount(c->name) */
	{ FIELD(name), true, { { "clientSetName", "clientSetNameOrReply" }, 8, false, ANY } },
	/* c->user = ... */
	{ FIELD(user),
	  true,
	  { { "clientSetUser", "deauthenticateAndCloseClient", "checkPasswordBasedAuth",
	      "ACLAuthenticateUser" },
	    8,
	    true,
	    ANY } },
	/* uint64_t cmd_flags = c->cmd->flags; RedisModuleCommand *cp = c->cmd->... */
	{ FIELD(cmd),
	  true,
	  { { "getCommandFlags", "RedisModuleCommandDispatcher" }, 8, false, DEREF } },
	/* addReplyErrorFormat(c, "...", c->cmd->fullname) */
	{ FIELD(cmd_name), false, { { ARITY_ERROR }, 8, false, INNER } },
	/* if (conn->fd == -1) return C_ERR */
	{ FIELD(conn_fd), false, { { "connBlock" }, 4, false, ANY } },
	/* alsoPropagate(db->id, ...) */
	{ FIELD(db_id), false, { { "propagateDeletion", "propagateExpire" }, 4, false, ANY } },
#undef FIELD
};

static uint16_t *field_at(struct redis_layout *layout, size_t field)
{
	return (uint16_t *)((char *)layout + field);
}

static void set_span(struct redis_layout *layout)
{
	layout->span = 8;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint16_t at = *field_at(layout, fields[i].field);

		if (fields[i].in_client && at != REDIS_NO_FIELD && at + 8 > layout->span)
			layout->span = at + 8;
	}
}

void redis_layout_trim(struct redis_layout *layout)
{
	layout->conn = layout->name = layout->user = REDIS_NO_FIELD;
	set_span(layout);
}

static bool find_function(struct bsl_elf *elf, const char *name, struct bsl_symbol *sym)
{
	return bsl_elf_find_symbols(elf, name, 0, keep_symbol, sym) > 0 &&
	       sym->offset != UINT64_MAX;
}

/* Where a function's entry is probed; 0 if that can't be, or would do harm. */
static uint64_t place_of(struct bsl_elf *elf, const char *name)
{
	struct bsl_symbol sym;
	char why[300];

	if (!find_function(elf, name, &sym) || bsl_elf_check_entry(elf, &sym, why, sizeof(why)))
		return 0;
	return sym.offset + bsl_elf_entry_skip(elf, sym.addr, sym.size);
}

static int add_return(uint64_t offset, void *ctx)
{
	struct redis_returns *returns = ctx;

	if (returns->count == REDIS_RETURNS_MAX)
		return -E2BIG;
	returns->offsets[returns->count++] = offset;
	return 0;
}

/* None and the reason in why, if they can't be seen without harm. */
static struct redis_returns returns_of(struct bsl_elf *elf, const char *name, char *why,
				       size_t why_size)
{
	struct redis_returns returns = {};
	struct bsl_function function;
	struct bsl_symbol sym;
	int way;

	if (!find_function(elf, name, &sym))
		return returns;
	function = (struct bsl_function){ sym.addr, sym.size, sym.name, sym.is_label };
	way = bsl_elf_return_way(elf, &function, why, why_size);
	returns.by_probe = way == BSL_RETURN_BY_PROBE;
	if (returns.by_probe)
		add_return(sym.offset, &returns);
	else if (way == BSL_RETURN_BY_SITES &&
		 bsl_elf_return_sites(elf, &function, add_return, &returns) < 0) {
		snprintf(why, why_size, "it has more than %d return instructions",
			 REDIS_RETURNS_MAX);
		returns.count = 0;
	}
	return returns;
}

/* why: of the returns of call, should there be none. */
static void find_places(struct bsl_elf *elf, struct redis_places *places, char *why,
			size_t why_size)
{
	char unused[300];

	*places = (struct redis_places){
		.call = place_of(elf, "call"),
		.after_error = place_of(elf, "afterErrorReply"),
		.block = place_of(elf, "blockClient"),
		/* Into which the other one may have been inlined. */
		.block_keys = place_of(elf, "blockForKeys"),
		.unblock = place_of(elf, "unblockClient"),
		.time_out = place_of(elf, "replyToBlockedClientTimedOut"),
		.unblock_stats = place_of(elf, "updateStatsOnUnblock"),
		.free = place_of(elf, "freeClient"),
		.accept = place_of(elf, "anetTcpAccept"),
		.accept_unix = place_of(elf, "anetUnixAccept"),
		.call_returns = returns_of(elf, "call", why, why_size),
		.accept_returns = returns_of(elf, "anetTcpAccept", unused, sizeof(unused)),
		.accept_unix_returns = returns_of(elf, "anetUnixAccept", unused, sizeof(unused)),
		/* Since 6.2, which counts them, all errors pass afterErrorReply(), ready-made ones too. */
		.reply = place_of(elf, "incrementErrorCount") ? 0 : place_of(elf, "addReply"),
		.reexecutes = place_of(elf, "unblockClientOnTimeout") != 0,
	};
}

static bool has_arguments(const struct redis_layout *layout)
{
	return layout->argc != REDIS_NO_FIELD && layout->argv != REDIS_NO_FIELD &&
	       layout->argc / 8 != layout->argv / 8;
}

int redis_layout_decode(struct bsl_elf *elf, pid_t pid, const char *path,
			struct redis_layout *layout, struct redis_places *places, char *why,
			size_t why_size)
{
	char why_none[300] = "";

	find_places(elf, places, why_none, sizeof(why_none));
	if (!places->call || !place_of(elf, "processCommand") || !place_of(elf, "pingCommand")) {
		snprintf(why, why_size,
			 "no function %s: not a Redis-like server, or without symbols",
			 places->call ? "pingCommand" : "call");
		return -ENOENT;
	}
	if (!places->call_returns.count) {
		snprintf(why, why_size, "the returns of call can't be seen: %s", why_none);
		return -ENOTSUP;
	}
	*layout = (struct redis_layout){};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		*field_at(layout, fields[i].field) = find_field(elf, &fields[i].rule);
	/* Before 7.0 commands have no subcommands of their own, and begin with their name. */
	if (!has_symbol(elf, ARITY_ERROR))
		layout->cmd_name = 0;
	if (!has_arguments(layout)) {
		/* If some instructions aren't as we know them, we don't know the others either. */
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			*field_at(layout, fields[i].field) = REDIS_NO_FIELD;
		redis_dwarf_complete(elf, pid, path, layout);
		places->by_dwarf = true;
	}
	/* The first member since 3.0, as "client id" relies on its being there at all. */
	layout->id = 0;
	layout->reexecutes = places->reexecutes;
	set_span(layout);
	if (has_arguments(layout))
		return 0;
	snprintf(why, why_size,
		 "neither pingCommand's instructions nor debugging information tell "
		 "where struct client has argc and argv");
	return -ENOTSUP;
}
