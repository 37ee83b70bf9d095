/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The layout of struct client by following its pointer through a few small functions.
 * Instruction formats: Intel's manual, volume 2, chapter 2; Arm's ARM DDI 0487, C4.1.
 */
#include "redis/redis_layout.h"

#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <blazesym-lite.h>

#include "redis/redis_dwarf.h"

#define FUNCTION_BYTES_MAX 1024
#define NO_REGISTER (-1)

/* Registers, as in the instructions' encoding. */
enum { X86_RAX = 0, X86_RSP = 4, X86_RDI = 7, ARM_X0 = 0, ARM_ZERO = 31 };

/* ---- instructions --------------------------------------------------------------------------- */

static int32_t read_s32(const uint8_t *code)
{
	int32_t value;

	memcpy(&value, code, sizeof(value));
	return value;
}

/* mod, reg and rm of an instruction whose opcode is followed by them, and its address if simple. */
static void x86_modrm(const uint8_t *code, uint8_t rex, struct redis_access *access, int *rm)
{
	unsigned int mod = code[0] >> 6;

	access->reg = ((code[0] >> 3) & 7) | ((rex & 4) << 1);
	*rm = (code[0] & 7) | ((rex & 1) << 3);
	access->base = NO_REGISTER;
	if (mod == 3)
		return;
	if ((code[0] & 7) == 4) {
		/* A SIB byte: only one without index, as r12 and rsp need it. */
		if (((code[1] >> 3) & 7) != 4 || (rex & 2) || (mod == 0 && (code[1] & 7) == 5))
			return;
		access->base = (code[1] & 7) | ((rex & 1) << 3);
		code++;
	} else if (mod != 0 || (code[0] & 7) != 5) {
		access->base = *rm;
	}
	access->disp = mod == 1 ? (int8_t)code[1] : mod == 2 ? read_s32(code + 1) : 0;
}

/*
 * The rows of opcodes that write a general register, beside mov. Not pop: it ends a function, and the
 * code behind its ret goes on with the registers as they were before.
 */
static const struct x86_writer {
	uint8_t first, last;
	enum { WRITES_REG, WRITES_RM, WRITES_LOW } what;
} x86_writers[] = {
	{ 0x01, 0x01, WRITES_RM },  { 0x03, 0x03, WRITES_REG }, { 0x09, 0x09, WRITES_RM },
	{ 0x0b, 0x0b, WRITES_REG }, { 0x21, 0x21, WRITES_RM },	{ 0x23, 0x23, WRITES_REG },
	{ 0x29, 0x29, WRITES_RM },  { 0x2b, 0x2b, WRITES_REG }, { 0x31, 0x31, WRITES_RM },
	{ 0x33, 0x33, WRITES_REG }, { 0x63, 0x63, WRITES_REG }, { 0x69, 0x69, WRITES_REG },
	{ 0x6b, 0x6b, WRITES_REG }, { 0x8d, 0x8d, WRITES_REG }, { 0xb8, 0xbf, WRITES_LOW },
	{ 0xc1, 0xc1, WRITES_RM },  { 0xc7, 0xc7, WRITES_RM },	{ 0xd1, 0xd1, WRITES_RM },
};

static void x86_decode_opcode(const uint8_t *code, uint8_t rex, struct redis_access *access)
{
	uint8_t opcode = code[0];
	int rm = NO_REGISTER;

	if (opcode == 0x0f) {
		/* cmovcc, movzx, movsx */
		x86_modrm(code + 2, rex, access, &rm);
		if ((code[1] & 0xf0) == 0x40 || (code[1] & 0xf6) == 0xb6)
			access->writes = access->reg;
		return;
	}
	if (opcode == 0xe8 || (opcode == 0xff && ((code[1] >> 3) & 7) == 2)) {
		access->is_call = true;
		return;
	}
	if (opcode == 0x8b || opcode == 0x89) {
		x86_modrm(code + 1, rex, access, &rm);
		access->size = rex & 8 ? 8 : 4;
		if (code[1] >> 6 == 3) {
			access->writes = opcode == 0x8b ? access->reg : rm;
			access->copies_from = rex & 8 ? (opcode == 0x8b ? rm : access->reg) : -1;
		} else {
			access->is_load = opcode == 0x8b;
			access->is_store = !access->is_load;
			access->writes = access->is_load ? access->reg : NO_REGISTER;
		}
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(x86_writers); i++) {
		const struct x86_writer *writer = &x86_writers[i];

		if (opcode < writer->first || opcode > writer->last)
			continue;
		if (writer->what == WRITES_LOW) {
			access->writes = (opcode & 7) | ((rex & 1) << 3);
			return;
		}
		x86_modrm(code + 1, rex, access, &rm);
		access->writes = writer->what == WRITES_REG ? access->reg
				 : code[1] >> 6 == 3	    ? rm
							    : NO_REGISTER;
	}
}

static int x86_access(const uint8_t *code, size_t size, struct redis_access *access)
{
	uint8_t whole[24] = {}, rex = 0;
	const uint8_t *at = whole;
	int length = bsl_x86_insn_length(code, size);

	if (length < 0)
		return length;
	/* Behind the instruction there are zeros to look at, whatever its bytes promise. */
	memcpy(whole, code, length);
	access->length = length;
	/* Another operand size or another segment: nothing that we look for. */
	if (*at == 0x66 || *at == 0x64 || *at == 0x65 || *at == 0xf2 || *at == 0xf3) {
		bool is_segment = *at == 0x64 || *at == 0x65;

		at++;
		if ((*at & 0xf0) == 0x40)
			rex = *at++;
		if (is_segment && *at == 0x8b)
			access->writes = ((at[1] >> 3) & 7) | ((rex & 4) << 1);
		return 0;
	}
	if ((*at & 0xf0) == 0x40)
		rex = *at++;
	x86_decode_opcode(at, rex, access);
	return 0;
}

static int arm64_access(const uint8_t *code, size_t size, struct redis_access *access)
{
	uint32_t insn;

	if (size < 4)
		return -ENODATA;
	memcpy(&insn, code, sizeof(insn));
	access->length = 4;
	access->reg = insn & 31;
	if ((insn & 0xbf800000) == 0xb9000000) {
		/* LDR, STR (immediate, unsigned offset), 32 and 64 bits */
		access->size = insn >> 30 == 3 ? 8 : 4;
		access->base = (insn >> 5) & 31;
		access->disp = ((insn >> 10) & 0xfff) * access->size;
		access->is_load = insn & (1u << 22);
		access->is_store = !access->is_load;
		access->writes = access->is_load ? access->reg : NO_REGISTER;
	} else if ((insn & 0xffe0ffe0) == 0xaa0003e0) {
		/* MOV (register) */
		access->writes = access->reg;
		access->copies_from = (insn >> 16) & 31;
	} else if ((insn & 0xfc000000) == 0x94000000 || (insn & 0xfffffc1f) == 0xd63f0000) {
		access->is_call = true; /* BL, BLR */
	} else if ((insn & 0x1c000000) == 0x10000000 || (insn & 0x0e000000) == 0x0a000000) {
		access->writes = access->reg; /* data processing, immediate and register */
	}
	return 0;
}

int redis_layout_access(int machine, const uint8_t *code, size_t size, struct redis_access *access)
{
	*access = (struct redis_access){ .base = NO_REGISTER,
					 .reg = NO_REGISTER,
					 .copies_from = NO_REGISTER,
					 .writes = NO_REGISTER };
	return machine == EM_X86_64    ? x86_access(code, size, access)
	       : machine == EM_AARCH64 ? arm64_access(code, size, access)
				       : -ENOTSUP;
}

/* ---- functions ------------------------------------------------------------------------------ */

struct function {
	uint64_t addr, offset, size;
};

static int keep_function(const struct bsl_symbol *sym, void *ctx)
{
	*(struct function *)ctx = (struct function){ sym->addr, sym->offset, sym->size };
	return 1;
}

static bool find_symbol(struct bsl_elf *elf, const char *name, struct function *function)
{
	return bsl_elf_find_symbols(elf, name, 0, keep_function, function) > 0;
}

#define ANY (-1)
#define DEREF (-2)

/* What to look for: the first access of a kind to *p, p being a function's first argument. */
struct rule {
	const char *functions[4]; /* the next one in versions that lack the first */
	uint8_t size;
	bool is_store;
	/* Only a load of a pointer that is read here next (8: argv[1]); DEREF: read anywhere. ANY: any. */
	int8_t then_at;
};

/* Registers that hold the first argument, a bit each. */
static uint32_t first_argument(int machine)
{
	return 1u << (machine == EM_X86_64 ? X86_RDI : ARM_X0);
}

/* What a call leaves alone: the psABIs' callee-saved registers. */
static uint32_t callee_saved(int machine)
{
	return machine == EM_X86_64 ? 0xf028 : 0x3ff80000;
}

static void follow_pointer(int machine, const struct redis_access *access, uint32_t *holders)
{
	bool is_copy = access->copies_from >= 0 && (*holders >> access->copies_from & 1);

	if (access->is_call)
		*holders &= callee_saved(machine);
	if (access->writes < 0)
		return;
	*holders &= ~(1u << access->writes);
	if (is_copy)
		*holders |= 1u << access->writes;
}

static bool is_match(const struct rule *rule, const struct redis_access *access, uint32_t holders)
{
	return access->base >= 0 && (holders >> access->base & 1) && access->size == rule->size &&
	       (rule->is_store ? access->is_store : access->is_load) && access->disp >= 0 &&
	       access->disp + access->size <= REDIS_CLIENT_SPAN && access->disp % access->size == 0;
}

/* The displacement, or REDIS_NO_FIELD. */
static uint16_t apply_rule(int machine, const struct rule *rule, const uint8_t *code, size_t size)
{
	uint32_t holders = first_argument(machine);
	int candidate_reg = NO_REGISTER;
	uint16_t candidate = REDIS_NO_FIELD;
	struct redis_access access;

	for (size_t at = 0; at < size; at += access.length) {
		if (redis_layout_access(machine, code + at, size - at, &access))
			return REDIS_NO_FIELD;
		if (candidate_reg >= 0 && access.is_load && access.size == 8 &&
		    access.base == candidate_reg &&
		    (access.disp == rule->then_at || rule->then_at == DEREF))
			return candidate;
		if (is_match(rule, &access, holders)) {
			if (rule->then_at == ANY)
				return access.disp;
			candidate = access.disp;
			candidate_reg = access.reg;
		} else if (access.writes >= 0 && access.writes == candidate_reg) {
			candidate_reg = NO_REGISTER;
		}
		follow_pointer(machine, &access, &holders);
	}
	return REDIS_NO_FIELD;
}

static uint16_t find_field(struct bsl_elf *elf, const struct rule *rule)
{
	size_t most = ARRAY_SIZE(rule->functions);
	uint16_t field = REDIS_NO_FIELD;
	struct function function;
	const uint8_t *code;

	for (size_t i = 0; i < most && rule->functions[i] && field == REDIS_NO_FIELD; i++) {
		if (!find_symbol(elf, rule->functions[i], &function))
			continue;
		if (function.size > FUNCTION_BYTES_MAX)
			function.size = FUNCTION_BYTES_MAX;
		code = bsl_elf_data(elf, function.addr, function.size);
		field = code ? apply_rule(bsl_elf_machine(elf), rule, code, function.size)
			     : REDIS_NO_FIELD;
	}
	return field;
}

/* ---- the layout ----------------------------------------------------------------------------- */

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

/* x86_64's endbr64 at a function's start would be single-stepped, 3 to 5 times dearer: behind it. */
static uint64_t place_of(struct bsl_elf *elf, const char *name)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct function function;
	const void *code;

	if (!find_symbol(elf, name, &function) || function.offset == UINT64_MAX)
		return 0;
	code = bsl_elf_data(elf, function.addr, sizeof(endbr64));
	if (bsl_elf_machine(elf) == EM_X86_64 && code && !memcmp(code, endbr64, sizeof(endbr64)))
		function.offset += sizeof(endbr64);
	return function.offset;
}

static void find_places(struct bsl_elf *elf, struct redis_places *places)
{
	*places = (struct redis_places){
		.call = place_of(elf, "call"),
		.after_error = place_of(elf, "afterErrorReply"),
		.block = place_of(elf, "blockClient"),
		/* Into which the other one may have been inlined. */
		.block_keys = place_of(elf, "blockForKeys"),
		.unblock = place_of(elf, "unblockClient"),
		.time_out = place_of(elf, "replyToBlockedClientTimedOut"),
		.accept = place_of(elf, "anetTcpAccept"),
		.accept_unix = place_of(elf, "anetUnixAccept"),
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

int redis_layout_decode(struct bsl_elf *elf, const char *path, struct redis_layout *layout,
			struct redis_places *places, char *why, size_t why_size)
{
	find_places(elf, places);
	if (!places->call || !place_of(elf, "processCommand") || !place_of(elf, "pingCommand")) {
		snprintf(why, why_size,
			 "no function %s: not a Redis-like server, or without symbols",
			 places->call ? "pingCommand" : "call");
		return -ENOENT;
	}
	*layout = (struct redis_layout){};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		*field_at(layout, fields[i].field) = find_field(elf, &fields[i].rule);
	if (path && !has_arguments(layout)) {
		/* If some instructions aren't as we know them, we don't know the others either. */
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			*field_at(layout, fields[i].field) = REDIS_NO_FIELD;
		redis_dwarf_complete(path, layout);
		places->by_dwarf = true;
	}
	/* The first member since 3.0, as "client id" relies on its being there at all. */
	layout->id = 0;
	set_span(layout);
	if (has_arguments(layout))
		return 0;
	snprintf(why, why_size,
		 "neither pingCommand's instructions nor debugging information tell "
		 "where struct client has argc and argv");
	return -ENOTSUP;
}
