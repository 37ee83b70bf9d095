/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Unwinding tables: which code each entry of .eh_frame describes, and where a caller's frame and the return address are
 * at each of its instructions. Formats: LSB core specification 5.0, 10.6; DWARF 5, 6.4; x86-64 psABI 3.7; AADWARF64.
 */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

/* Pointer encodings: DW_EH_PE_* of the LSB. */
enum { PE_OMIT = 0xff, PE_PCREL = 0x10, PE_INDIRECT = 0x80 };

#define OP_BREG0 0x70 /* DW_OP_breg0: DWARF 5, 7.7.1 */
#define STATES_MAX 16 /* of DW_CFA_remember_state */

/* Bytes that are read in order; after a read beyond the end all are 0 and is_bad is set. */
struct reader {
	const uint8_t *at, *end;
	uint64_t addr; /* of `at` */
	bool is_bad;
};

/* What a CIE says for all of its FDEs. */
struct cie {
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_reg;
	uint8_t pointers, lsda; /* encodings */
	bool has_sizes;		/* 'z': augmentation data has a length */
	bool has_personality, is_signal;
	struct reader program;
};

struct eh_frame {
	const uint8_t *data;
	size_t size;
	uint64_t addr;
	struct bsl_frame *frames; /* by address */
	size_t nr;
	bool has_personality; /* of any of them */
};

static void reader_skip(struct reader *reader, uint64_t bytes)
{
	uint64_t left = reader->end - reader->at;

	if (bytes > left) {
		reader->is_bad = true;
		bytes = left;
	}
	reader->at += bytes;
	reader->addr += bytes;
}

static uint64_t number_take(struct reader *reader, size_t bytes)
{
	uint64_t value = 0;

	if (bytes <= (size_t)(reader->end - reader->at))
		memcpy(&value, reader->at, bytes);
	reader_skip(reader, bytes);
	return value;
}

static int64_t signed_take(struct reader *reader, size_t bytes)
{
	unsigned int unused = 64 - 8 * bytes;

	return (int64_t)(number_take(reader, bytes) << unused) >> unused;
}

/* Bits above *width are 0; its last byte's bit 0x40 is the sign of a signed number. */
static uint64_t leb_take(struct reader *reader, unsigned int *width, bool *is_negative)
{
	uint64_t value = 0;
	uint8_t byte;

	for (*width = 0;; *width += 7) {
		byte = number_take(reader, 1);
		if (*width < 64)
			value |= (uint64_t)(byte & 0x7f) << *width;
		if (!(byte & 0x80))
			break;
	}
	*width += 7;
	*is_negative = byte & 0x40;
	return value;
}

static uint64_t uleb_take(struct reader *reader)
{
	unsigned int width;
	bool is_negative;

	return leb_take(reader, &width, &is_negative);
}

static int64_t sleb_take(struct reader *reader)
{
	unsigned int width;
	bool is_negative;
	uint64_t value = leb_take(reader, &width, &is_negative);

	return (int64_t)(is_negative && width < 64 ? value | ~0ull << width : value);
}

/* A pointer in an encoding; relative to where it stands, or absolute. Others aren't used in .eh_frame. */
static uint64_t pointer_take(struct reader *reader, uint8_t encoding)
{
	uint64_t base = (encoding & 0x70) == PE_PCREL ? reader->addr : 0;

	if (encoding == PE_OMIT)
		return 0;
	if ((encoding & PE_INDIRECT) || ((encoding & 0x70) && (encoding & 0x70) != PE_PCREL))
		reader->is_bad = true;
	switch (encoding & 15) {
	case 0x0:
	case 0x4:
	case 0xc:
		return base + number_take(reader, 8);
	case 0x1:
		return base + uleb_take(reader);
	case 0x2:
		return base + number_take(reader, 2);
	case 0x3:
		return base + number_take(reader, 4);
	case 0x9:
		return base + sleb_take(reader);
	case 0xa:
		return base + signed_take(reader, 2);
	case 0xb:
		return base + signed_take(reader, 4);
	default:
		reader->is_bad = true;
		return 0;
	}
}

/* ---- entries -------------------------------------------------------------------------------- */

/* The entry at an offset of the section, behind its length: false at the end. */
static bool entry_take(const struct eh_frame *table, size_t *at, struct reader *entry)
{
	struct reader reader = { table->data + *at, table->data + table->size, table->addr + *at,
				 false };
	uint64_t length = number_take(&reader, 4);

	if (length == 0xffffffff)
		length = number_take(&reader, 8);
	if (reader.is_bad || !length || length > (uint64_t)(reader.end - reader.at))
		return false;
	*entry = reader;
	entry->end = reader.at + length;
	*at = entry->end - table->data;
	return true;
}

static bool augmentation_take(struct reader *reader, const char *text, struct cie *cie)
{
	for (; *text; text++) {
		switch (*text) {
		case 'z':
			uleb_take(reader);
			cie->has_sizes = true;
			break;
		case 'R':
			cie->pointers = number_take(reader, 1);
			break;
		case 'L':
			cie->lsda = number_take(reader, 1);
			break;
		case 'P':
			pointer_take(reader, number_take(reader, 1) & ~PE_INDIRECT);
			cie->has_personality = true;
			break;
		case 'S':
			cie->is_signal = true;
			break;
		case 'B': /* arm64: return addresses are signed by key B; tagged memory */
		case 'G':
			break;
		default:
			return false;
		}
	}
	return true;
}

/* The CIE at an offset of the section. */
static bool cie_read(const struct eh_frame *table, size_t at, struct cie *cie)
{
	struct reader reader;
	const char *text;
	uint8_t version;

	*cie = (struct cie){ .lsda = PE_OMIT };
	if (at >= table->size || !entry_take(table, &at, &reader) || number_take(&reader, 4))
		return false;
	version = number_take(&reader, 1);
	text = (const char *)reader.at;
	if (!memchr(text, 0, reader.end - reader.at))
		return false;
	reader_skip(&reader, strlen(text) + 1);
	cie->code_align = uleb_take(&reader);
	cie->data_align = sleb_take(&reader);
	cie->return_reg = version == 1 ? number_take(&reader, 1) : uleb_take(&reader);
	if (!augmentation_take(&reader, text, cie))
		return false;
	cie->program = reader;
	return !reader.is_bad;
}

/* An FDE, whose reader stands behind its length. Leaves the reader at its program. */
static bool fde_take(const struct eh_frame *table, struct reader *reader, struct cie *cie,
		     struct bsl_frame *frame)
{
	size_t at = reader->at - table->data;
	uint64_t back = number_take(reader, 4), size;

	/* 0 is a CIE */
	if (!back || back > at || !cie_read(table, at - back, cie))
		return false;
	frame->addr = pointer_take(reader, cie->pointers);
	frame->size = pointer_take(reader, cie->pointers & 15);
	frame->return_reg = cie->return_reg < INT16_MAX ? (int16_t)cie->return_reg : BSL_REG_NONE;
	frame->is_signal = cie->is_signal;
	frame->has_personality = cie->has_personality;
	if (cie->has_sizes) {
		struct reader data;

		size = uleb_take(reader);
		data = *reader;
		reader_skip(reader, size);
		data.end = reader->at;
		/* the pointer's own value is 0 where a function has none */
		frame->has_handlers = cie->lsda != PE_OMIT && pointer_take(&data, cie->lsda & 15);
	}
	return !reader->is_bad && frame->size && frame->addr + frame->size > frame->addr;
}

static int frame_compare(const void *a, const void *b)
{
	const struct bsl_frame *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void table_free(struct eh_frame *table)
{
	free(table->frames);
	free(table);
}

static int table_fill(struct eh_frame *table)
{
	size_t room = 0, at = 0, start = 0;
	struct bsl_frame frame;
	struct reader entry;
	struct cie cie;

	for (; at < table->size && entry_take(table, &at, &entry); start = at) {
		frame = (struct bsl_frame){ .entry = start };
		if (!fde_take(table, &entry, &cie, &frame))
			continue;
		if (table->nr == room) {
			struct bsl_frame *grown;

			room = room ? 2 * room : 256;
			grown = reallocarray(table->frames, room, sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			table->frames = grown;
		}
		table->frames[table->nr++] = frame;
		table->has_personality |= frame.has_personality;
	}
	if (table->nr)
		qsort(table->frames, table->nr, sizeof(*table->frames), frame_compare);
	return 0;
}

static int table_get(struct bsl_elf *elf)
{
	const Elf64_Shdr *shdr = elf_section_by_name(elf, ".eh_frame");
	struct eh_frame *table;
	int err;

	if (elf->eh_frame)
		return 0;
	if (!elf->is64 || !shdr || elf->ehdr.e_type == ET_REL)
		return -ENODATA;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->data = elf_section_data(elf, shdr, &table->size);
	table->addr = shdr->sh_addr;
	err = table->data ? table_fill(table) : elf_error(elf, -ENODATA);
	if (err) {
		table_free(table);
		return err;
	}
	elf->eh_frame = table;
	elf->eh_frame_free = table_free;
	return 0;
}

int elf_frames(struct bsl_elf *elf, const struct bsl_frame **frames, size_t *nr)
{
	int err = table_get(elf);

	if (err)
		return err;
	*frames = elf->eh_frame->frames;
	*nr = elf->eh_frame->nr;
	return 0;
}

bool elf_has_personality(struct bsl_elf *elf)
{
	return !table_get(elf) && elf->eh_frame->has_personality;
}

int bsl_elf_frame_at(struct bsl_elf *elf, uint64_t addr, struct bsl_frame *frame)
{
	const struct eh_frame *table;
	size_t low = 0, high;
	int err = table_get(elf);

	if (err)
		return err;
	table = elf->eh_frame;
	high = table->nr;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (table->frames[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || addr - table->frames[low - 1].addr >= table->frames[low - 1].size)
		return -ENOENT;
	*frame = table->frames[low - 1];
	return 0;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* What a program has said so far: of the caller's frame, and of the return address. */
struct machine {
	const struct cie *cie;
	uint64_t fp_reg;
	struct bsl_frame_row row, initial;
	struct bsl_frame_row kept[STATES_MAX];
	unsigned int nr_kept;
	uint64_t end;
	int (*fn)(const struct bsl_frame_row *row, void *ctx);
	void *ctx;
};

/* The row ends before `addr`: give it. */
static int advance(struct machine *machine, uint64_t addr)
{
	struct bsl_frame_row *row = &machine->row;
	int ret = 0;

	if (addr > machine->end || addr < row->addr)
		return -EBADMSG;
	row->size = addr - row->addr;
	if (row->size && machine->fn)
		ret = machine->fn(row, machine->ctx);
	row->addr = addr;
	return ret;
}

static void set_rule(struct machine *machine, uint64_t reg, enum bsl_frame_rule rule,
		     int64_t offset)
{
	if (reg == machine->cie->return_reg) {
		machine->row.ret = rule;
		machine->row.ret_offset = offset;
	} else if (reg == machine->fp_reg) {
		machine->row.fp = rule;
		machine->row.fp_offset = offset;
	}
}

static void set_cfa(struct machine *machine, uint64_t reg, int64_t offset)
{
	machine->row.cfa_reg = reg < INT16_MAX ? (int16_t)reg : BSL_REG_NONE;
	machine->row.cfa_offset = offset;
	machine->row.cfa_expr = NULL;
	machine->row.cfa_expr_size = 0;
}

static void set_cfa_expr(struct machine *machine, struct reader *program)
{
	uint64_t size = uleb_take(program);
	const uint8_t *expr = program->at;

	reader_skip(program, size);
	set_cfa(machine, UINT64_MAX, 0);
	if (program->is_bad)
		return;
	machine->row.cfa_expr = expr;
	machine->row.cfa_expr_size = size;
}

/* A factored offset: the data alignment times it, whatever the two are. */
static int64_t scaled(const struct machine *machine, uint64_t factor)
{
	return (int64_t)(factor * (uint64_t)machine->cie->data_align);
}

static void restore_rule(struct machine *machine, uint64_t reg)
{
	const struct bsl_frame_row *initial = &machine->initial;

	if (reg == machine->cie->return_reg)
		set_rule(machine, reg, initial->ret, initial->ret_offset);
	else
		set_rule(machine, reg, initial->fp, initial->fp_offset);
}

static int remember(struct machine *machine)
{
	if (machine->nr_kept == STATES_MAX)
		return -EBADMSG;
	machine->kept[machine->nr_kept++] = machine->row;
	return 0;
}

static int recall(struct machine *machine)
{
	uint64_t addr = machine->row.addr;

	if (!machine->nr_kept)
		return -EBADMSG;
	machine->row = machine->kept[--machine->nr_kept];
	machine->row.addr = addr;
	return 0;
}

/* Of a register's place in memory: the frame pointer plus a number, and nothing more, is understood. */
static void rule_of_expr(struct machine *machine, uint64_t reg, struct reader *program)
{
	uint64_t size = uleb_take(program);
	struct reader expr = *program;
	int64_t offset;

	reader_skip(program, size);
	expr.end = program->at;
	if (number_take(&expr, 1) == OP_BREG0 + machine->fp_reg) {
		offset = sleb_take(&expr);
		if (!expr.is_bad && expr.at == expr.end) {
			set_rule(machine, reg, BSL_FRAME_AT_FP, offset);
			return;
		}
	}
	set_rule(machine, reg, BSL_FRAME_OTHER, 0);
}

/* Rules of registers: DW_CFA_offset_extended and the like. */
static int rule_run(struct machine *machine, uint8_t op, struct reader *program)
{
	uint64_t reg = uleb_take(program);

	switch (op) {
	case 0x05: /* offset_extended */
		set_rule(machine, reg, BSL_FRAME_AT_CFA, scaled(machine, uleb_take(program)));
		break;
	case 0x11: /* offset_extended_sf */
		set_rule(machine, reg, BSL_FRAME_AT_CFA,
			 scaled(machine, (uint64_t)sleb_take(program)));
		break;
	case 0x06: /* restore_extended */
		restore_rule(machine, reg);
		break;
	case 0x07: /* undefined */
		set_rule(machine, reg, BSL_FRAME_NONE, 0);
		break;
	case 0x08: /* same_value */
		set_rule(machine, reg, BSL_FRAME_IN_REG, 0);
		break;
	case 0x09: /* register */
	case 0x14: /* val_offset */
		uleb_take(program);
		set_rule(machine, reg, BSL_FRAME_OTHER, 0);
		break;
	case 0x15: /* val_offset_sf */
		sleb_take(program);
		set_rule(machine, reg, BSL_FRAME_OTHER, 0);
		break;
	case 0x10: /* expression */
		rule_of_expr(machine, reg, program);
		break;
	case 0x16: /* val_expression */
		reader_skip(program, uleb_take(program));
		set_rule(machine, reg, BSL_FRAME_OTHER, 0);
		break;
	default:
		return -EBADMSG;
	}
	return 0;
}

/* A register or an offset alone: "valid only if the current CFA rule is defined to use a register and offset" (DWARF 5, 6.4.2.2). */
static void change_cfa(struct machine *machine, uint64_t reg, int64_t offset)
{
	set_cfa(machine, machine->row.cfa_reg == BSL_REG_NONE ? UINT64_MAX : reg, offset);
}

/* Rules of the caller's frame: DW_CFA_def_cfa and the like. */
static int cfa_run(struct machine *machine, uint8_t op, struct reader *program)
{
	struct bsl_frame_row *row = &machine->row;
	uint64_t reg;

	switch (op) {
	case 0x0c: /* def_cfa */
		reg = uleb_take(program);
		set_cfa(machine, reg, (int64_t)uleb_take(program));
		break;
	case 0x0d: /* def_cfa_register */
		change_cfa(machine, uleb_take(program), row->cfa_offset);
		break;
	case 0x0e: /* def_cfa_offset */
		change_cfa(machine, row->cfa_reg, (int64_t)uleb_take(program));
		break;
	case 0x0f: /* def_cfa_expression */
		set_cfa_expr(machine, program);
		break;
	case 0x12: /* def_cfa_sf */
		reg = uleb_take(program);
		set_cfa(machine, reg, scaled(machine, (uint64_t)sleb_take(program)));
		break;
	case 0x13: /* def_cfa_offset_sf */
		change_cfa(machine, row->cfa_reg, scaled(machine, (uint64_t)sleb_take(program)));
		break;
	default:
		return rule_run(machine, op, program);
	}
	return 0;
}

static int op_run(struct machine *machine, uint8_t op, struct reader *program)
{
	uint64_t here = machine->row.addr, scale = machine->cie->code_align;

	switch (op) {
	case 0x00: /* nop */
	case 0x2d: /* arm64: the return address is signed from here on; elsewhere of no importance */
		return 0;
	case 0x01: /* set_loc */
		return advance(machine, pointer_take(program, machine->cie->pointers));
	case 0x02: /* advance_loc1, 2, 4 */
		return advance(machine, here + number_take(program, 1) * scale);
	case 0x03:
		return advance(machine, here + number_take(program, 2) * scale);
	case 0x04:
		return advance(machine, here + number_take(program, 4) * scale);
	case 0x0a: /* remember_state */
		return remember(machine);
	case 0x0b: /* restore_state */
		return recall(machine);
	case 0x2e: /* GNU_args_size */
		uleb_take(program);
		return 0;
	default:
		return cfa_run(machine, op, program);
	}
}

static int program_run(struct machine *machine, struct reader program)
{
	int ret = 0;

	while (!ret && program.at < program.end) {
		uint8_t op = number_take(&program, 1);

		switch (op >> 6) {
		case 1: /* advance_loc */
			ret = advance(machine,
				      machine->row.addr + (op & 63) * machine->cie->code_align);
			break;
		case 2: /* offset */
			set_rule(machine, op & 63, BSL_FRAME_AT_CFA,
				 scaled(machine, uleb_take(&program)));
			break;
		case 3: /* restore */
			restore_rule(machine, op & 63);
			break;
		default:
			ret = op_run(machine, op, &program);
		}
		if (program.is_bad)
			return -EBADMSG;
	}
	return ret;
}

/* DWARF's number: x86-64 psABI, figure 3.36; AADWARF64, 4.1. */
static uint64_t fp_register(const struct bsl_elf *elf)
{
	return elf->ehdr.e_machine == EM_AARCH64 ? 29 : 6;
}

int bsl_elf_frame_rows(struct bsl_elf *elf, const struct bsl_frame *frame,
		       int (*fn)(const struct bsl_frame_row *row, void *ctx), void *ctx)
{
	struct bsl_frame again = {};
	size_t at = frame->entry;
	struct machine machine;
	struct reader reader;
	struct cie cie;
	int ret = table_get(elf);

	if (ret)
		return ret;
	if (at >= elf->eh_frame->size || !entry_take(elf->eh_frame, &at, &reader) ||
	    !fde_take(elf->eh_frame, &reader, &cie, &again))
		return -EBADMSG;
	/* the CIE's program describes no code: nothing is reported of it */
	machine = (struct machine){ .cie = &cie,
				    .fp_reg = fp_register(elf),
				    .end = again.addr + again.size };
	machine.row = (struct bsl_frame_row){ .addr = again.addr,
					      .cfa_reg = BSL_REG_NONE,
					      .ret = BSL_FRAME_IN_REG,
					      .fp = BSL_FRAME_IN_REG };
	ret = program_run(&machine, cie.program);
	if (ret || machine.row.addr != again.addr)
		return ret ?: -EBADMSG;
	machine.initial = machine.row;
	machine.fn = fn;
	machine.ctx = ctx;
	ret = program_run(&machine, reader);
	if (!ret)
		ret = advance(&machine, machine.end);
	return ret;
}
