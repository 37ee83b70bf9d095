/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From written types to the type graph.
 */
#include <array_size.h>
#include <errno.h>
#include <string.h>

#include "types/btf.h"
#include "probe/check/checker.h"
#include "types/debuginfo_scope.h"

enum type_space check_default_space(const struct probe_context *context)
{
	/* A kernel function may get an address of either kind, and so may a tracepoint: a system call's arguments, as numbers. */
	if (context->kind == SPEC_TRACEPOINT ? !context->pointers_are_user : context->is_kernel)
		return SPACE_ANY;
	return SPACE_USER;
}

bool check_is_integer(const struct type *type)
{
	return type->kind == TYPE_INT || type->kind == TYPE_ENUM;
}

bool check_same_type(const struct type *a, const struct type *b)
{
	if (a == b)
		return true;
	if (check_is_integer(a) && check_is_integer(b))
		return a->size == b->size && a->is_signed == b->is_signed &&
		       a->is_bool == b->is_bool;
	return a->kind == TYPE_POINTER && b->kind == TYPE_POINTER && a->space == b->space &&
	       a->target == b->target;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const struct type *new_type(struct checker *c, enum type_kind kind, const char *name,
				   uint32_t size)
{
	struct type *type = arena_alloc(c->arena, sizeof(*type));

	if (type)
		*type = (struct type){ .kind = kind, .name = name, .size = size };
	return type;
}

/* A type of which only the name is known: enough for a pointer to it. */
static const struct type *unknown_base(struct checker *c, const struct type_name *name)
{
	struct suggest near = { .wanted = name->base };

	/* An enumeration is an unsigned int on these machines unless it has negative values. */
	if (has_prefix(name->base, "enum ") && !name->stars)
		return new_type(c, TYPE_ENUM, name->base, 4);
	if (name->stars)
		return new_type(c, TYPE_STRUCT, name->base, 0);
	if (has_prefix(name->base, "struct ") || has_prefix(name->base, "union "))
		return check_fail(c, name->pos,
				  "%s is not known: there is no type information for it, only "
				  "pointers to it can be used",
				  name->base);
	for (size_t i = 0; type_basic_name(i); i++)
		suggest_add(&near, type_basic_name(i));
	return check_fail(c, name->pos, "'%s' is not a known type%s", name->base,
			  suggest_text(&near));
}

/*
 * The kernel's structures are a user program's own only by chance, if at all: not through a pointer to user memory
 * at a probe in a program.
 */
static bool may_be_kernel_type(const struct checker *c, enum type_space space)
{
	return c->context->types && (c->context->is_kernel || space != SPACE_USER);
}

/* What programs call struct timespec the kernel has by another name (include/uapi/linux/time_types.h). */
static const struct type *find_kernel_type(struct btf_types *types, const char *name, size_t len)
{
	static const char *const renamed[][2] = {
		{ "struct timespec", "struct __kernel_timespec" },
		{ "struct timeval", "struct __kernel_old_timeval" },
	};
	const struct type *type = btf_types_find(types, name, len);

	for (size_t i = 0; !type && i < ARRAY_SIZE(renamed); i++)
		if (strlen(renamed[i][0]) == len && !memcmp(name, renamed[i][0], len))
			type = btf_types_find(types, renamed[i][1], strlen(renamed[i][1]));
	return type;
}

const struct type *check_type_name(struct checker *c, const struct type_name *name,
				   enum type_space space)
{
	const struct type *type = type_basic(name->base, name->len);
	enum type_space inner = space == SPACE_CTX ? check_default_space(c->context) : space;

	if (!type && c->context->scope)
		type = debuginfo_types_find(c->context->scope->types, c->context->scope, name->base,
					    name->len);
	if (!type && may_be_kernel_type(c, space))
		type = find_kernel_type(c->context->types, name->base, name->len);
	if (!type)
		type = unknown_base(c, name);
	if (name->is_user)
		space = inner = SPACE_USER;
	for (unsigned int i = 0; type && i < name->stars; i++)
		type = type_pointer(c->arena, type, i + 1 == name->stars ? space : inner);
	return type;
}

const struct type *check_known_struct(struct checker *c, const struct type *type)
{
	const struct type *known = NULL;

	if (type->kind == TYPE_STRUCT && !type->size && !type->count && c->context->scope)
		known = debuginfo_types_find(c->context->scope->types, c->context->scope,
					     type->name, strlen(type->name));
	if (known)
		return known;
	if (type->kind == TYPE_STRUCT && !type->size && !type->count && c->context->types &&
	    (c->context->is_kernel || c->context->kind == SPEC_TRACEPOINT))
		known = btf_types_find(c->context->types, type->name, strlen(type->name));
	return known ? known : type;
}

int check_params(struct checker *c)
{
	const struct spec *spec = c->spec;

	c->param_types = arena_alloc(c->arena, (spec->param_count + 1) * sizeof(*c->param_types));
	if (!c->param_types)
		return -ENOMEM;
	for (unsigned int i = 0; i < spec->param_count; i++) {
		const struct param *param = &spec->params[i];
		const struct type *type =
			check_type_name(c, &param->type, check_default_space(c->context));

		if (!type)
			return c->diag->text[0] ? -EINVAL : -ENOMEM;
		if (type->kind == TYPE_VOID)
			return diag_error(c->diag, param->type.pos, "a parameter can't be void");
		for (unsigned int j = 0; param->name[0] && j < i; j++)
			if (strcmp(spec->params[j].name, param->name) == 0)
				return diag_error(c->diag, param->pos,
						  "there are two parameters of the name '%s'",
						  param->name);
		c->param_types[i] = type;
	}
	return 0;
}
