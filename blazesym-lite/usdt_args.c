/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The argument descriptions of USDT notes: "SIZE@OPERAND ...", the operand as the compiler wrote it
 * for the assembler. Forms: <sys/sdt.h>; SystemTap's wiki, "User Space Probe Implementation";
 * and what gcc and clang print for the constraint "nor" (x86, arm64).
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* Text still to be read; every function stops at `end`. */
struct text {
	const char *at, *end;
};

/* The sum before a memory operand's parenthesis: numbers and at most one symbol. */
struct sum {
	int64_t number;
	const char *sym;
	size_t sym_len;
};

static bool text_take(struct text *text, char c)
{
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

static bool text_take_word(struct text *text, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(text->end - text->at) < len || memcmp(text->at, word, len))
		return false;
	text->at += len;
	return true;
}

static void text_blanks(struct text *text)
{
	while (text->at < text->end && (*text->at == ' ' || *text->at == '\t'))
		text->at++;
}

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '.' || c == '$';
}

static size_t text_name(struct text *text, const char **name)
{
	*name = text->at;
	while (text->at < text->end && is_name_char(*text->at))
		text->at++;
	return text->at - *name;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Unsigned digits, decimal or 0x; wraps around beyond 64 bits, as the assembler's numbers do. */
static bool text_number(struct text *text, uint64_t *value)
{
	unsigned int base = 10;
	const char *start;

	if (text->end - text->at > 2 && text->at[0] == '0' && (text->at[1] | 0x20) == 'x') {
		base = 16;
		text->at += 2;
	}
	start = text->at;
	for (*value = 0; text->at < text->end && digit_value(*text->at) < base; text->at++)
		*value = *value * base + digit_value(*text->at);
	return text->at > start;
}

/* Numbers and one symbol joined by + and -; none at all only before a parenthesis. */
static bool text_sum(struct text *text, struct sum *sum)
{
	*sum = (struct sum){ 0 };
	if (text->at == text->end)
		return false;
	if (*text->at == '(')
		return true;
	while (text->at < text->end) {
		bool minus = text_take(text, '-');
		uint64_t value;

		if (!minus)
			text_take(text, '+');
		if (text->at == text->end)
			return false;
		if (digit_value(*text->at) < 10) {
			if (!text_number(text, &value))
				return false;
			sum->number = (uint64_t)sum->number + (minus ? -value : value);
		} else {
			if (sum->sym || minus)
				return false;
			sum->sym_len = text_name(text, &sum->sym);
			if (!sum->sym_len || sum->sym_len > UINT16_MAX)
				return false;
		}
		if (text->at < text->end && *text->at != '+' && *text->at != '-')
			break;
	}
	return true;
}

static void arg_refuse(struct bsl_usdt_arg *arg, const char *why)
{
	arg->kind = BSL_ARG_UNSUPPORTED;
	arg->why = why;
}

static void arg_constant(struct bsl_usdt_arg *arg, uint64_t value)
{
	unsigned int unused = 64 - arg->size * 8;

	arg->kind = BSL_ARG_CONST;
	value <<= unused;
	arg->disp = arg->is_signed ? (int64_t)value >> unused : (int64_t)(value >> unused);
}

static void arg_register(struct bsl_usdt_arg *arg, const struct machine_register *reg)
{
	if (reg->is_float) {
		arg->is_float = true;
		arg_refuse(arg, "in a floating-point register");
		return;
	}
	if (reg->reg == BSL_REG_NONE) {
		arg_constant(arg, 0);
		return;
	}
	arg->kind = BSL_ARG_REG;
	arg->reg = reg->reg;
	arg->reg_shift = reg->shift;
	/* old compilers wrote 4@%al: what's above the byte is garbage */
	if (arg->size > reg->size)
		arg->size = reg->size;
}

/* ---- x86 ---- */

static bool x86_register(struct text *text, int machine, struct machine_register *reg)
{
	const char *name;
	size_t len;

	if (!text_take(text, '%'))
		return false;
	len = text_name(text, &name);
	return machine_find_register(machine, name, len, reg);
}

/* Behind the `(`: BASE, INDEX, SCALE, each of which may be missing. */
static bool x86_address(struct text *text, int machine, struct bsl_usdt_arg *arg,
			struct machine_register *base)
{
	struct machine_register index = { .reg = BSL_REG_NONE };
	uint64_t scale = 1;

	*base = index;
	if (text->at < text->end && *text->at == '%' && !x86_register(text, machine, base))
		return false;
	if (text_take(text, ',')) {
		text_blanks(text);
		if (text->at < text->end && *text->at == '%' &&
		    !x86_register(text, machine, &index))
			return false;
		text_blanks(text);
		if (text_take(text, ',')) {
			text_blanks(text);
			if (!text_number(text, &scale))
				return false;
		}
	}
	if (!text_take(text, ')') || base->is_float || index.is_float ||
	    (scale != 1 && scale != 2 && scale != 4 && scale != 8))
		return false;
	arg->reg = base->reg;
	arg->index = index.reg;
	arg->scale = scale;
	return true;
}

static void x86_memory(struct text *text, int machine, struct bsl_usdt_arg *arg)
{
	struct machine_register base = { .reg = BSL_REG_NONE };
	bool relative;
	struct sum sum;

	if (!text_sum(text, &sum))
		goto broken;
	if (text->at < text->end && *text->at == '@')
		return arg_refuse(arg, "its address is in the global offset table");
	if (text_take(text, '(') && !x86_address(text, machine, arg, &base))
		goto broken;
	if (text->at != text->end)
		goto broken;
	relative = base.reg == bsl_reg_find(EM_X86_64, "rip");
	if (relative && !sum.sym)
		return arg_refuse(arg, "relative to an instruction that isn't named");
	if (sum.sym && (arg->index != BSL_REG_NONE || (base.reg != BSL_REG_NONE && !relative)))
		return arg_refuse(arg, "a symbol's address with a register added");
	if (machine == EM_X86_64 && base.reg != BSL_REG_NONE && base.size != 8)
		return arg_refuse(arg, "a 32-bit address in a 64-bit program");
	arg->disp = sum.number;
	arg->kind = BSL_ARG_DEREF;
	if (sum.sym) {
		arg->kind = BSL_ARG_ADDR;
		arg->reg = BSL_REG_NONE;
		arg->addr = sum.number;
		arg->sym = sum.sym;
		arg->sym_len = sum.sym_len;
	}
	return;
broken:
	arg_refuse(arg, "not an operand of this machine");
}

static void x86_operand(struct text *text, int machine, struct bsl_usdt_arg *arg)
{
	struct machine_register reg;
	struct sum sum;

	if (text_take(text, '$')) {
		if (!text_sum(text, &sum) || text->at != text->end)
			arg_refuse(arg, "not an operand of this machine");
		else if (sum.sym)
			arg_refuse(arg, "the address of a symbol");
		else
			arg_constant(arg, sum.number);
	} else if (text->at < text->end && *text->at == '%') {
		if (!x86_register(text, machine, &reg))
			arg_refuse(arg, "an unknown register");
		else if (text->at == text->end || reg.is_float)
			arg_register(arg, &reg);
		else
			arg_refuse(arg, "not an operand of this machine");
		if (text->end - text->at > 1 && *text->at == ':')
			arg_refuse(arg, "thread-local memory");
	} else {
		x86_memory(text, machine, arg);
	}
}

/* ---- arm64 ---- */

static bool arm64_register(struct text *text, struct machine_register *reg)
{
	const char *name;
	size_t len = text_name(text, &name);

	return machine_find_register(EM_AARCH64, name, len, reg) && !reg->is_float;
}

static bool arm64_number(struct text *text, int64_t *number)
{
	struct sum sum;

	text_take(text, '#');
	if (!text_sum(text, &sum) || sum.sym)
		return false;
	*number = sum.number;
	return true;
}

/* Behind the index register: nothing, or `, lsl 3`, `, sxtw 3`, `, uxtw`. */
static bool arm64_extend(struct text *text, struct bsl_usdt_arg *arg)
{
	int64_t shift = 0;

	if (!text_take(text, ','))
		return true;
	text_blanks(text);
	if (text_take_word(text, "sxtw"))
		arg->index_is_signed = true;
	else if (!text_take_word(text, "lsl") && !text_take_word(text, "uxtw") &&
		 !text_take_word(text, "sxtx"))
		return false;
	text_blanks(text);
	if (text->at < text->end && *text->at != ']' && !arm64_number(text, &shift))
		return false;
	if (shift < 0 || shift > 3)
		return false;
	arg->scale = 1 << shift;
	return true;
}

/* Behind the `[`. */
static void arm64_memory(struct text *text, struct bsl_usdt_arg *arg)
{
	struct machine_register base, index;

	text_blanks(text);
	if (!arm64_register(text, &base) || base.size != 8 || base.reg == BSL_REG_NONE)
		goto broken;
	text_blanks(text);
	if (text_take(text, ',')) {
		text_blanks(text);
		if (text->at < text->end && *text->at == ':')
			return arg_refuse(arg, "a symbol's address with a register added");
		if (text->at < text->end && memchr("xw", *text->at, 2)) {
			if (!arm64_register(text, &index))
				goto broken;
			arg->index = index.reg;
			arg->index_is_w = index.size == 4;
			text_blanks(text);
			if (!arm64_extend(text, arg))
				goto broken;
		} else if (!arm64_number(text, &arg->disp)) {
			goto broken;
		}
	}
	text_blanks(text);
	if (!text_take(text, ']') || text->at != text->end)
		goto broken;
	arg->kind = BSL_ARG_DEREF;
	arg->reg = base.reg;
	return;
broken:
	arg_refuse(arg, "not an operand of this machine");
}

static void arm64_operand(struct text *text, struct bsl_usdt_arg *arg)
{
	struct text number = *text, name = *text;
	struct machine_register reg;
	const char *start;
	int64_t value;
	size_t len;

	if (text_take(text, '['))
		return arm64_memory(text, arg);
	len = text_name(&name, &start);
	if (name.at == text->end && machine_find_register(EM_AARCH64, start, len, &reg))
		return arg_register(arg, &reg);
	if (arm64_number(&number, &value) && number.at == text->end)
		return arg_constant(arg, value);
	arg_refuse(arg, "not an operand of this machine");
}

/* ---- the description ---- */

/* -4@, 8f@. A description from before sizes were written has none: a word. */
static bool size_parse(struct text *text, struct bsl_usdt_arg *arg)
{
	struct text at = *text;
	uint64_t size;

	arg->size = 8;
	arg->is_signed = text_take(&at, '-');
	if (!text_number(&at, &size)) {
		arg->is_signed = false;
		return true;
	}
	if (text_take(&at, 'f'))
		arg->is_float = true;
	if (!text_take(&at, '@')) {
		arg->is_signed = arg->is_float = false;
		return true;
	}
	*text = at;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return false;
	arg->size = size;
	return true;
}

static void arg_parse(struct text text, int machine, struct bsl_usdt_arg *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->reg = arg->index = BSL_REG_NONE;
	arg->scale = 1;
	if (!size_parse(&text, arg))
		return arg_refuse(arg, "not of 1, 2, 4 or 8 bytes");
	if (text.at == text.end)
		arg_refuse(arg, "no operand");
	else if (machine == EM_X86_64 || machine == EM_386)
		x86_operand(&text, machine, arg);
	else if (machine == EM_AARCH64)
		arm64_operand(&text, arg);
	else
		arg_refuse(arg, "of a machine that isn't known");
	/* a refused operand may be half filled in */
	if (arg->kind == BSL_ARG_UNSUPPORTED) {
		arg->reg = arg->index = BSL_REG_NONE;
		arg->disp = 0;
	}
}

/* Takes one description: up to a blank outside of parentheses and brackets. */
static struct text arg_split(struct text *all)
{
	struct text arg;
	int depth = 0;

	text_blanks(all);
	arg.at = all->at;
	for (; all->at < all->end; all->at++) {
		char c = *all->at;

		if (c == '(' || c == '[')
			depth++;
		else if ((c == ')' || c == ']') && depth)
			depth--;
		else if ((c == ' ' || c == '\t') && !depth)
			break;
	}
	arg.end = all->at;
	return arg;
}

int bsl_usdt_parse_args(const char *args, int machine, struct bsl_usdt *usdt)
{
	struct text all = { args, args + strlen(args) };

	usdt->args_text = args;
	usdt->nargs = 0;
	memset(usdt->args, 0, sizeof(usdt->args));
	for (;;) {
		struct text arg = arg_split(&all);

		if (arg.at == arg.end)
			return usdt->nargs;
		if (usdt->nargs < BSL_USDT_MAX_ARGS)
			arg_parse(arg, machine, &usdt->args[usdt->nargs]);
		usdt->nargs++;
	}
}
