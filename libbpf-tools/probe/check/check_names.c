/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a name means at a probe: parameters, argN, retval, args, ctx->register and the $names.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <stdio.h>
#include <string.h>

#include "types/btf.h"
#include "probe/check/checker.h"
#include "types/debuginfo_scope.h"

/* Without a signature that says how many there are. */
#define MAX_ARGS 8

#define COMM_SIZE 16 /* TASK_COMM_LEN of include/linux/sched.h */

enum var_type { VAR_U32, VAR_U64, VAR_TEXT, VAR_POINTER };

static const struct {
	const char *name;
	enum var_where where;
	enum var_type type;
} specials[] = {
	{ "$pid", VAR_PID, VAR_U32 },	    { "$tid", VAR_PID, VAR_U32 },
	{ "$tgid", VAR_TGID, VAR_U32 },	    { "$uid", VAR_UID, VAR_U32 },
	{ "$gid", VAR_GID, VAR_U32 },	    { "$cpu", VAR_CPU, VAR_U32 },
	{ "$nsecs", VAR_NSECS, VAR_U64 },   { "$comm", VAR_COMM, VAR_TEXT },
	{ "$task", VAR_TASK, VAR_POINTER }, { "$latency", VAR_LATENCY, VAR_U64 },
};

static const struct type task_struct = { .kind = TYPE_STRUCT, .name = "struct task_struct" };

/*
 * The i-th parameter that the context knows. One passed by value in a structure takes a place of its own
 * kind, which moves those behind it.
 */
static struct var *known_param_var(struct checker *c, const char *name, unsigned int i, int pos)
{
	const struct probe_context *context = c->context;
	const struct type *type = context->params[i].type;
	unsigned int floats = 0;

	for (unsigned int j = 0; j <= i; j++) {
		if (context->params[j].type->kind == TYPE_STRUCT ||
		    context->params[j].type->kind == TYPE_ARRAY)
			return check_fail(
				c, pos,
				"%s can't be read: parameter %u is a whole %s, passed by value",
				name, j + 1, context->params[j].type->name);
		floats += context->params[j].type->kind == TYPE_FLOAT;
	}
	if (type->kind == TYPE_FLOAT || floats)
		return check_fail(
			c, pos,
			"%s can't be read: parameters of type %s come in no register of ours", name,
			type->name);
	if (context->has_slots)
		return check_slot_var(c, name, context->params[i].slot, type);
	return check_argument_var(c, name, i, pos, type);
}

/* The i-th parameter of the signature. */
static struct var *param_var(struct checker *c, const char *name, unsigned int i, int pos)
{
	unsigned int index = 0;

	if (c->param_types[i]->kind == TYPE_FLOAT)
		return check_fail(c, pos,
				  "%s is of type %s: floating-point arguments can't be read", name,
				  c->param_types[i]->name);
	/* Floating-point ones have registers of their own. */
	for (unsigned int j = 0; j < i; j++)
		index += c->param_types[j]->kind != TYPE_FLOAT;
	if (c->context->has_slots && index < c->context->param_count)
		return check_slot_var(c, name, c->context->params[index].slot, c->param_types[i]);
	return check_argument_var(c, name, index, pos, c->param_types[i]);
}

/* ---- argN ----------------------------------------------------------------------------------- */

static struct var *entry_argument(struct checker *c, const char *name, unsigned int number, int pos)
{
	unsigned int count = c->spec->param_count, floats = 0;
	unsigned int most = count > MAX_ARGS ? count : MAX_ARGS;

	if (!number || number > most)
		return check_fail(c, pos, "'%s' is not known: arguments are arg1 to arg%u", name,
				  most);
	if (number <= count)
		return param_var(c, name, number - 1, pos);
	if (!count && c->context->has_params && !c->context->scope &&
	    number <= c->context->param_count)
		return known_param_var(c, name, number - 1, pos);
	if (c->context->has_slots)
		return check_fail(c, pos, "'%s' is not known: %s has %u parameter%s", name,
				  c->spec->func, c->context->param_count,
				  c->context->param_count == 1 ? "" : "s");
	for (unsigned int i = 0; i < count; i++)
		floats += c->param_types[i]->kind == TYPE_FLOAT;
	return check_argument_var(c, name, number - 1 - floats, pos, type_unknown());
}

static struct var *usdt_argument(struct checker *c, const char *name, unsigned int number, int pos)
{
	const struct bsl_usdt *usdt = c->context->usdt;
	const struct bsl_usdt_arg *arg;
	unsigned int count = usdt ? usdt->nargs : 0;
	struct var *var;

	if (count > BSL_USDT_MAX_ARGS)
		count = BSL_USDT_MAX_ARGS;
	if (!count)
		return check_fail(c, pos, "'%s' is not known: the probe %s has no arguments", name,
				  c->spec->func);
	if (!number || number > count)
		return check_fail(c, pos, "'%s' is not known: the probe %s has %u argument%s (%s)",
				  name, c->spec->func, count, count == 1 ? "" : "s",
				  usdt->args_text ? usdt->args_text : "");
	arg = &usdt->args[number - 1];
	if (arg->kind == BSL_ARG_UNSUPPORTED)
		return check_fail(c, pos, "'%s' can't be read: it is %s", name,
				  arg->why ? arg->why : "of an unknown form");
	if (arg->is_float)
		return check_fail(c, pos, "'%s' is a floating-point value, which can't be read",
				  name);
	var = check_new_var(c, name, VAR_USDT_ARG, type_int(arg->size, arg->is_signed));
	if (var) {
		var->usdt_arg = arg;
		var->usdt_addr = usdt->addr;
	}
	return var;
}

/* ---- looking up ----------------------------------------------------------------------------- */

/* What a user would call the place. */
static const char *place(const struct checker *c)
{
	return c->spec->func[0] ? c->spec->func : "the function";
}

static struct var *special_var(struct checker *c, const char *name, size_t row, int pos)
{
	const struct type *type = NULL;
	struct var *var;

	switch (specials[row].type) {
	case VAR_U32:
		type = type_int(4, false);
		break;
	case VAR_U64:
		type = type_int(8, false);
		break;
	case VAR_TEXT:
		type = type_array(c->arena, type_char(), COMM_SIZE);
		break;
	case VAR_POINTER:
		if (c->context->types)
			type = btf_types_find(c->context->types, task_struct.name,
					      strlen(task_struct.name));
		type = type_pointer(c->arena, type ? type : &task_struct, SPACE_KERNEL);
		break;
	}
	var = check_new_var(c, name, specials[row].where, type);
	if (specials[row].where != VAR_LATENCY)
		return var;
	if (c->spec->kind != SPEC_RETURN)
		return check_fail(c, pos, "'$latency' is known at a function's return only (r:)");
	return check_keep_var(c, var, VAR_LATENCY, pos);
}

static struct var *retval_var(struct checker *c, const char *name, int pos)
{
	const struct type *type = c->context->has_params ? c->context->retval_type : NULL;

	if (c->spec->kind != SPEC_RETURN)
		return check_fail(c, pos, "'%s' is known at a function's return only (r:)", name);
	if (type && type->kind == TYPE_VOID)
		return check_fail(c, pos, "%s returns nothing", c->spec->func);
	if (type && !type_is_scalar(type))
		return check_fail(c, pos, "%s returns a whole %s, which can't be read",
				  c->spec->func, type->name);
	if (c->context->has_slots && c->context->retval_slot >= 0)
		return check_slot_var(c, name, c->context->retval_slot,
				      type ? type : type_unknown());
	return check_result_var(c, name, pos, type ? type : type_unknown());
}

static struct var *args_var(struct checker *c, const char *name, int pos)
{
	if (c->spec->kind != SPEC_TRACEPOINT)
		return check_fail(c, pos,
				  "'args' is known at tracepoints only (t:); here there is %s",
				  c->spec->kind == SPEC_RETURN ? "retval, arg1, arg2, ..."
							       : "arg1, arg2, ...");
	if (!c->context->record)
		return check_fail(c, pos, "the fields of %s:%s are not known", c->spec->category,
				  c->spec->func);
	return check_new_var(c, name, VAR_CTX_ADDR,
			     type_pointer(c->arena, c->context->record, SPACE_CTX));
}

/* The index of the parameter, or -1. */
static int find_param(const struct spec *spec, const char *name)
{
	for (unsigned int i = 0; i < spec->param_count; i++)
		if (strcmp(spec->params[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* The index of the parameter that the context knows, or -1; a signature hides them. */
static int find_known_param(const struct checker *c, const char *name)
{
	/* Where DWARF knows them it is the only one that says where they are. */
	if (c->spec->has_signature || c->context->scope)
		return -1;
	for (unsigned int i = 0; i < c->context->param_count; i++)
		if (name[0] && strcmp(c->context->params[i].name, name) == 0)
			return (int)i;
	return -1;
}

static const char *known_names(const struct checker *c)
{
	switch (c->spec->kind) {
	case SPEC_ENTRY:
		return "arg1 to arg8, ";
	case SPEC_RETURN:
		return "retval, $latency, arg1 to arg8, ";
	case SPEC_TRACEPOINT:
		return "args->FIELD, ";
	case SPEC_USDT:
		if (c->context->usdt && c->context->usdt->nargs)
			return "arg1, arg2, ... of the probe, ";
		break;
	}
	return "";
}

/* Is it a C++ name, mangled or not, within a class or namespace? A lambda's and a local class's begin with _ZZ. */
static bool may_be_method(const char *func)
{
	return !strncmp(func, "_ZN", 3) || !strncmp(func, "_ZZ", 3) || strstr(func, "::");
}

/* No name of this place: find out what was meant. */
static struct var *unknown_name(struct checker *c, const char *name, int pos)
{
	static const char *const others[] = { "arg1", "retval", "args", "ctx", "$retval" };
	const struct spec *spec = c->spec;
	struct suggest near = { .wanted = name };
	uint32_t offset;

	if (spec->kind == SPEC_TRACEPOINT && c->context->record &&
	    type_find_member(c->context->record, name, strlen(name), &offset))
		return check_fail(c, pos, "'%s' is not known here (did you mean 'args->%s'?)", name,
				  name);
	for (unsigned int i = 0; i < spec->param_count; i++)
		suggest_add(&near, spec->params[i].name);
	for (unsigned int i = 0; !spec->has_signature && i < c->context->param_count; i++)
		suggest_add(&near, c->context->params[i].name);
	check_scope_suggest(c, &near);
	if (c->context->scope && spec->file && name[0] != '$')
		return check_fail(c, pos, "'%s' is not seen at %s:%u as compiled into %s%s", name,
				  spec->file, spec->line, debuginfo_scope_name(c->context->scope),
				  suggest_text(&near));
	if (!near.count && (spec->param_count || c->context->has_params) && name[0] != '$')
		return check_fail(c, pos, "'%s' is not a parameter of %s", name, place(c));
	if (near.count)
		return check_fail(c, pos, "'%s' is not a parameter of %s%s", name, place(c),
				  suggest_text(&near));
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
		suggest_add(&near, specials[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		suggest_add(&near, others[i]);
	if (near.count)
		return check_fail(c, pos, "'%s' is not known here%s", name, suggest_text(&near));
	if (spec->kind == SPEC_ENTRY && name[0] != '$' && !spec->has_addr)
		return check_fail(c, pos,
				  "'%s' is not known here: write the function's signature, as in "
				  "%s(%sint %s), or use arg1, arg2, ...%s",
				  name, place(c), may_be_method(spec->func) ? "void *this, " : "",
				  name,
				  may_be_method(spec->func)
					  ? "; a method has this, another function not"
					  : "");
	return check_fail(
		c, pos,
		"'%s' is not known here; there are %s$pid $tgid $uid $gid $cpu $comm $nsecs "
		"$task",
		name, known_names(c));
}

struct expr *check_constant(struct checker *c, const struct expr *e)
{
	const struct type *type;
	unsigned int number;
	uint64_t value;

	if (!c->context->types || e->text[0] == '$' || find_param(c->spec, e->text) >= 0 ||
	    find_known_param(c, e->text) >= 0 || check_argument_number(e->text, &number) ||
	    !strcmp(e->text, "args") || !strcmp(e->text, "retval") || !strcmp(e->text, "ctx"))
		return NULL;
	type = btf_types_constant(c->context->types, e->text, &value);
	return type ? check_new_int(c, e->pos, type_int(type->size, type->is_signed), value) : NULL;
}

/* A function's parameter or argument as it is at the entry; NULL and no error: the name is none. */
static struct var *function_var(struct checker *c, const char *name, int pos)
{
	int param = find_param(c->spec, name), known = find_known_param(c, name);
	unsigned int number;

	if (param >= 0)
		return param_var(c, name, (unsigned int)param, pos);
	if (known >= 0)
		return known_param_var(c, name, (unsigned int)known, pos);
	if (check_argument_number(name, &number) &&
	    (c->spec->kind == SPEC_ENTRY || c->spec->kind == SPEC_RETURN))
		return entry_argument(c, name, number, pos);
	return NULL;
}

/* For an example: the register of the first argument. */
static const char *first_register(const struct checker *c)
{
	const struct bsl_machine *machine = bsl_machine_get(c->context->machine);

	return machine ? machine->regs[machine->c.args[0]].name : "REGISTER";
}

/* The index of the parameter that a name means by what the context knows, or -1. */
static int known_index(const struct checker *c, const char *name)
{
	unsigned int number;

	if (c->context->scope || c->spec->has_signature || !c->context->has_params)
		return -1;
	if (check_argument_number(name, &number))
		return number && number <= c->context->param_count ? (int)number - 1 : -1;
	return find_known_param(c, name);
}

struct expr *check_by_value(struct checker *c, const struct expr *e)
{
	const struct probe_context *context = c->context;
	int index = known_index(c, e->text);
	bool by_value = false;
	struct expr *value;

	if (!context->scope && context->has_params && c->spec->kind == SPEC_RETURN &&
	    !strcmp(e->text, "retval") && context->retval_type &&
	    context->retval_type->kind == TYPE_STRUCT)
		return check_known_result(c, e->text, e->pos);
	for (int i = 0; i <= index; i++)
		by_value |= context->params[i].type->kind == TYPE_STRUCT;
	if (!by_value)
		return NULL;
	value = check_known_argument(c, e->text, (unsigned int)index, e->pos);
	return value && c->spec->kind == SPEC_RETURN ? check_keep(c, e->text, value) : value;
}

/* A name that isn't in c->vars yet. */
static struct var *resolve_name(struct checker *c, const char *name, int pos)
{
	struct var *var = function_var(c, name, pos);
	unsigned int number;

	if (c->diag->text[0])
		return NULL;
	if (var && c->spec->kind == SPEC_RETURN && !c->context->keeps_params)
		return check_keep_var(c, var, VAR_ENTRY, pos);
	if (var)
		return var;
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
		if (strcmp(specials[i].name, name) == 0)
			return special_var(c, name, i, pos);
	if (strcmp(name, "retval") == 0 || strcmp(name, "$retval") == 0)
		return retval_var(c, name, pos);
	if (strcmp(name, "args") == 0)
		return args_var(c, name, pos);
	if (strcmp(name, "ctx") == 0 && c->spec->kind != SPEC_TRACEPOINT)
		return check_fail(
			c, pos,
			c->context->has_slots
				? "the registers are not known here"
				: "ctx stands for the registers: write ctx->REGISTER, as in ctx->%s",
			first_register(c));
	if (!check_argument_number(name, &number))
		return unknown_name(c, name, pos);
	if (c->spec->kind == SPEC_TRACEPOINT)
		return check_fail(c, pos, "'%s' is not known at a tracepoint: write args->FIELD",
				  name);
	return usdt_argument(c, name, number, pos);
}

const struct var *check_name(struct checker *c, const struct expr *e)
{
	struct var *var = check_find_var(c, e->text);

	return var ? var : resolve_name(c, e->text, e->pos);
}

const struct var *check_register(struct checker *c, const struct expr *e, bool *is_register)
{
	char name[64];
	char *copy;
	int reg;

	*is_register = c->spec->kind != SPEC_TRACEPOINT && !c->context->has_slots && e->arrow &&
		       e->a->kind == EXPR_NAME && strcmp(e->a->text, "ctx") == 0 &&
		       find_param(c->spec, "ctx") < 0;
	if (!*is_register)
		return NULL;
	reg = bsl_reg_find(c->context->machine, e->text);
	if (reg < 0)
		return check_fail(c, e->pos, "'%s' is not a register of this machine", e->text);
	snprintf(name, sizeof(name), "ctx->%s", e->text);
	if (check_find_var(c, name))
		return check_find_var(c, name);
	copy = arena_strndup(c->arena, name, strlen(name));
	return copy ? check_register_var(c, copy, reg, e->pos, type_unknown()) : NULL;
}
