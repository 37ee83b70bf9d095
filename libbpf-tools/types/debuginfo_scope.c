/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From an address to the function it is in and the variables seen there. Where the value of a variable is
 * at that address is found out when an expression uses it (check_location.c).
 */
#include <blazesym-lite.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "types/debuginfo_private.h"

/* More than any function has. */
#define MAX_PARAMS 256

/* ---- the function --------------------------------------------------------------------------- */

/* What is around an address, from the unit inwards. */
struct chain {
	Dwarf_Die dies[DWARF_MAX_DEPTH];
	unsigned int nr;
};

static bool has_code(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

static bool has_functions(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

/* True if something below parent holds the address. */
static bool chain_find(struct chain *chain, Dwarf_Die *parent, uint64_t addr, unsigned int depth)
{
	struct debuginfo_walk walk;

	if (depth > DWARF_MAX_DEPTH || !debuginfo_walk_first(&walk, parent))
		return false;
	do {
		int tag = dwarf_tag(&walk.die), holds = 0;

		if (!has_code(tag) && !has_functions(tag))
			continue;
		if (has_code(tag))
			holds = dwarf_haspc(&walk.die, addr);
		if (holds > 0 && chain->nr < DWARF_MAX_DEPTH) {
			chain->dies[chain->nr++] = walk.die;
			chain_find(chain, &walk.die, addr, depth + 1);
			return true;
		}
		/* A block may have no addresses of its own, and yet code inside. */
		if ((has_functions(tag) || (holds < 0 && tag == DW_TAG_lexical_block)) &&
		    chain_find(chain, &walk.die, addr, depth + 1))
			return true;
	} while (debuginfo_walk_next(&walk));
	return false;
}

/* ---- variables ------------------------------------------------------------------------------ */

static int add_variable(struct debuginfo_scope *scope, struct debuginfo_variable ***end,
			Dwarf_Die *die, struct debuginfo_variable known)
{
	struct debuginfo_variable *variable = arena_alloc(scope->types->arena, sizeof(*variable));

	if (!variable)
		return -ENOMEM;
	*variable = known;
	variable->die = *die;
	variable->name = dwarf_diename(die) ?: "";
	variable->type = debuginfo_type_of(scope->types, die, 0);
	if (!variable->type)
		return -ENOMEM;
	**end = variable;
	*end = &variable->next;
	return 0;
}

/* The entry that another one is a copy of; false: it is none. */
static bool origin_of(Dwarf_Die *die, Dwarf_Die *origin)
{
	Dwarf_Attribute attr;

	return dwarf_attr(die, DW_AT_abstract_origin, &attr) && dwarf_formref_die(&attr, origin);
}

/* A parameter of the copy tells more of that of the original. False: there is no such. */
static bool place_param(struct debuginfo_variable *params, Dwarf_Die *die)
{
	Dwarf_Die origin;

	if (!origin_of(die, &origin))
		return false;
	for (struct debuginfo_variable *v = params; v; v = v->next) {
		if (v->die.addr != origin.addr)
			continue;
		v->die = *die;
		return true;
	}
	return false;
}

/* At most MAX_PARAMS of an entry's parameters, those apart that are only copies. */
static int add_params_of(struct debuginfo_scope *scope, Dwarf_Die *function,
			 struct debuginfo_variable ***ends)
{
	unsigned int index[2] = { 0, 0 };
	struct debuginfo_walk walk;
	int err = 0;

	for (const struct debuginfo_variable *v = scope->params; v; v = v->next)
		index[0]++;
	if (!debuginfo_walk_first(&walk, function))
		return 0;
	do {
		bool is_result;

		if (dwarf_tag(&walk.die) != DW_TAG_formal_parameter ||
		    place_param(scope->params, &walk.die) || place_param(scope->results, &walk.die))
			continue;
		/* Go's results are parameters of another kind. */
		is_result = debuginfo_flag(&walk.die, DW_AT_variable_parameter);
		if (index[is_result] == MAX_PARAMS)
			continue;
		err = add_variable(scope, &ends[is_result], &walk.die,
				   (struct debuginfo_variable){ .is_param = !is_result,
								.index = index[is_result]++ });
	} while (!err && debuginfo_walk_next(&walk));
	return err;
}

/*
 * In the order of the declaration: that of the original, of which a clone or an inlined copy may have some in
 * another order and others not at all.
 */
static int add_params(struct debuginfo_scope *scope)
{
	struct debuginfo_variable **ends[] = { &scope->params, &scope->results };
	Dwarf_Die origin;
	int err = origin_of(&scope->function, &origin) ? add_params_of(scope, &origin, ends) : 0;

	if (!err)
		err = add_params_of(scope, &scope->function, ends);
	if (!err && scope->results && scope->retval->kind == TYPE_VOID)
		scope->retval = scope->results->type;
	return err;
}

static int add_locals(struct debuginfo_scope *scope, struct debuginfo_variable ***end,
		      Dwarf_Die *block)
{
	struct debuginfo_walk walk;
	int err = 0;

	if (!debuginfo_walk_first(&walk, block))
		return 0;
	do {
		if (dwarf_tag(&walk.die) == DW_TAG_variable)
			err = add_variable(scope, end, &walk.die, (struct debuginfo_variable){});
	} while (!err && debuginfo_walk_next(&walk));
	return err;
}

struct global_search {
	const char *name;
	Dwarf_Die found;
};

static int take_global(Dwarf_Die *die, void *ctx)
{
	struct global_search *search = ctx;
	const char *name;

	if (dwarf_tag(die) != DW_TAG_variable || debuginfo_flag(die, DW_AT_declaration))
		return 0;
	name = dwarf_diename(die);
	if (!name || strcmp(name, search->name))
		return 0;
	search->found = *die;
	return 1;
}

static const struct debuginfo_variable *find_named(const struct debuginfo_variable *variable,
						   const char *name)
{
	while (variable && strcmp(variable->name, name))
		variable = variable->next;
	return variable;
}

const struct debuginfo_variable *debuginfo_scope_find(struct debuginfo_scope *scope,
						      const char *name)
{
	const struct debuginfo_variable *found = find_named(scope->locals, name);
	struct global_search search = { .name = name };
	struct debuginfo_variable **end = &scope->globals;

	if (!*name)
		return NULL;
	found = found ? found : find_named(scope->params, name);
	found = found ? found : find_named(scope->globals, name);
	if (found || debuginfo_search(scope->types, &scope->unit, take_global, &search) != 1)
		return found;
	while (*end)
		end = &(*end)->next;
	if (add_variable(scope, &end, &search.found,
			 (struct debuginfo_variable){ .is_global = true }))
		return NULL;
	return find_named(scope->globals, name);
}

/* ---- scopes --------------------------------------------------------------------------------- */

/* A leading landing pad, over which a probe may have been moved: endbr64; bti c, j, jc. */
static bool is_landing_pad(const struct bsl_elf *elf, uint64_t addr)
{
	const void *code = bsl_elf_data(elf, addr, 4);
	uint32_t word = 0;

	if (code)
		memcpy(&word, code, sizeof(word));
	return bsl_elf_machine(elf) == EM_X86_64 ? word == 0xfa1e0ff3
						 : word && (word & ~0xc0u) == 0xd503241f;
}

static bool is_at_entry(struct debuginfo_scope *scope)
{
	Dwarf_Addr entry;

	if (scope->function.addr != scope->frame.addr || dwarf_entrypc(&scope->frame, &entry))
		return false;
	return scope->addr == entry ||
	       (scope->addr == entry + 4 && is_landing_pad(scope->types->elf, entry));
}

/* Lines without types: assembly, and what was compiled with -g1. What looks like void may be anything there. */
static bool is_untyped(struct debuginfo_scope *scope)
{
	struct debuginfo_walk walk;

	if (scope->language == DW_LANG_Mips_Assembler)
		return true;
	if (!debuginfo_walk_first(&walk, &scope->unit))
		return false;
	do {
		int tag = dwarf_tag(&walk.die);

		if (tag == DW_TAG_base_type || tag == DW_TAG_imported_unit ||
		    dwarf_hasattr(&walk.die, DW_AT_type))
			return false;
	} while (debuginfo_walk_next(&walk));
	return true;
}

/* The innermost function of the chain that counts, and the blocks in it. */
static int scope_fill(struct debuginfo_scope *scope, struct chain *chain, bool inlined)
{
	struct debuginfo_variable **end = &scope->locals;
	unsigned int function = 0, last = 0;
	int err;

	for (unsigned int i = 0; i < chain->nr; i++) {
		int tag = dwarf_tag(&chain->dies[i]);

		if (tag == DW_TAG_subprogram || (inlined && tag == DW_TAG_inlined_subroutine))
			function = i;
		if (tag == DW_TAG_subprogram)
			scope->frame = chain->dies[i];
	}
	for (last = function; last + 1 < chain->nr; last++)
		if (dwarf_tag(&chain->dies[last + 1]) == DW_TAG_inlined_subroutine)
			break;
	scope->function = chain->dies[function];
	scope->retval = debuginfo_type_of(scope->types, &scope->function, 0);
	if (!scope->retval)
		return -ENOMEM;
	err = add_params(scope);
	if (scope->retval->kind == TYPE_VOID && is_untyped(scope))
		scope->retval = type_unknown();
	for (unsigned int i = last + 1; i > function && !err; i--)
		err = add_locals(scope, &end, &chain->dies[i - 1]);
	return err;
}

int debuginfo_scope_new(struct debuginfo_types *types, uint64_t addr, bool inlined,
			struct debuginfo_scope **scope)
{
	struct debuginfo_scope *made = arena_alloc(types->arena, sizeof(*made));
	struct chain chain = {};

	*scope = NULL;
	if (!made)
		return -ENOMEM;
	made->types = types;
	made->addr = addr;
	/* Values that name their type themselves are met with a scope only. */
	types->source.find_runtime = debuginfo_find_runtime;
	if (!dwarf_addrdie(types->dwarf, addr, &made->unit))
		return -ENOENT;
	bsl_elf_split_unit(types->elf, &made->unit);
	if (!chain_find(&chain, &made->unit, addr, 0) ||
	    dwarf_tag(&chain.dies[0]) != DW_TAG_subprogram)
		return -ENOENT;
	made->language = debuginfo_language(&made->unit);
	if (scope_fill(made, &chain, inlined))
		return -ENOMEM;
	made->is_entry = is_at_entry(made);
	*scope = made;
	return 0;
}

int debuginfo_scope_inlined(struct debuginfo_types *types, uint64_t addr, const void *copy,
			    const void *frame, struct debuginfo_scope **scope)
{
	struct debuginfo_scope *made = arena_alloc(types->arena, sizeof(*made));
	struct chain chain = { .nr = 2 };

	*scope = NULL;
	if (!made)
		return -ENOMEM;
	made->types = types;
	made->addr = addr;
	chain.dies[0] = *(const Dwarf_Die *)frame;
	chain.dies[1] = *(const Dwarf_Die *)copy;
	if (!dwarf_diecu(&chain.dies[1], &made->unit, NULL, NULL))
		return -ENOENT;
	made->language = debuginfo_language(&made->unit);
	if (scope_fill(made, &chain, true))
		return -ENOMEM;
	*scope = made;
	return 0;
}

struct debuginfo_scope *debuginfo_scope_settled(const struct debuginfo_scope *entry,
						const struct debuginfo_settled *settled)
{
	struct debuginfo_scope *made = arena_alloc(entry->types->arena, sizeof(*made));

	if (!made)
		return NULL;
	*made = *entry;
	made->addr = settled->addr;
	made->is_entry = false;
	made->is_settled = true;
	made->entry_addr = entry->addr;
	made->unsettled = settled->unsettled;
	made->intact = settled->intact;
	return made;
}

const char *debuginfo_scope_name(const struct debuginfo_scope *scope)
{
	Dwarf_Die function = scope->function;

	return dwarf_diename(&function) ?: "";
}

bool debuginfo_scope_is_inlined(const struct debuginfo_scope *scope)
{
	return scope->function.addr != scope->frame.addr;
}

bool debuginfo_scope_frame_base(const struct debuginfo_scope *scope, Dwarf_Attribute *attr,
				Dwarf_Op **ops, size_t *count)
{
	Dwarf_Die frame = scope->frame;
	Dwarf_Block block;

	if (!dwarf_attr_integrate(&frame, DW_AT_frame_base, attr))
		return false;
	/* Go's linker writes DWARF 2's form of an expression, which libdw takes for none here. So short it has the same bytes. */
	if (attr->form == DW_FORM_block1 && !dwarf_formblock(attr, &block) && block.length < 128)
		attr->form = DW_FORM_exprloc;
	return dwarf_getlocation_addr(attr, scope->addr, ops, count, 1) >= 1 && *count;
}

int debuginfo_scope_cfa(const struct debuginfo_scope *scope, Dwarf_Frame **frame, Dwarf_Op **ops,
			size_t *count)
{
	Dwarf_CFI *tables[] = { scope->types->frames, dwarf_getcfi(scope->types->dwarf) };

	for (int i = 0; i < 2; i++) {
		*frame = NULL;
		if (!tables[i] || dwarf_cfi_addrframe(tables[i], scope->addr, frame))
			continue;
		if (!dwarf_frame_cfa(*frame, ops, count) && *count)
			return 0;
		free(*frame);
	}
	return -ENOENT;
}
