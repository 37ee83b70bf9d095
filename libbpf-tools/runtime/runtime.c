/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From the rows of the table to the places in one file. Which files a process has: runtime_find.c.
 */
#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

#include "runtime/runtime_private.h"

static const char *const event_names[RUNTIME_EVENTS] = {
	[RUNTIME_METHOD_ENTRY] = "method",
	[RUNTIME_METHOD_RETURN] = "return",
	[RUNTIME_METHOD_UNWIND] = "unwind",
	[RUNTIME_GC_BEGIN] = "gc",
	[RUNTIME_GC_END] = "gc-end",
	[RUNTIME_OBJECT] = "object",
	[RUNTIME_CLASS] = "class",
	[RUNTIME_EXCEPTION] = "exception",
	[RUNTIME_THREAD_START] = "thread",
	[RUNTIME_THREAD_STOP] = "thread-stop",
	[RUNTIME_METHOD_COUNT] = "method-count",
};

const char *runtime_lang_name(enum runtime_lang lang)
{
	return (unsigned int)lang < RUNTIME_LANGS ? runtime_descs[lang].name : "?";
}

int runtime_lang_find(const char *name)
{
	for (int lang = 0; lang < RUNTIME_LANGS; lang++)
		if (!strcmp(runtime_descs[lang].name, name))
			return lang;
	return -1;
}

const char *runtime_event_name(enum runtime_event event)
{
	return (unsigned int)event < RUNTIME_EVENTS ? event_names[event] : "enabler";
}

/* ---- values ---- */

static uint16_t register_slot(const struct bsl_machine *machine, int number)
{
	return (unsigned int)number < machine->reg_count ? machine->regs[number].pt_regs_offset
							 : USDT_NO_REG;
}

static void value_from_argument(struct usdt_arg *arg, unsigned int number,
				const struct bsl_machine *machine)
{
	if (number > machine->c.arg_count)
		return;
	arg->reg = register_slot(machine, machine->c.args[number - 1]);
	arg->size = 8;
	arg->kind = USDT_ARG_REG;
}

static void value_from_operand(struct usdt_arg *arg, const struct bsl_usdt_arg *operand,
			       uint64_t site, const struct bsl_machine *machine)
{
	arg->size = operand->size;
	arg->is_signed = operand->is_signed;
	arg->disp = operand->disp;
	switch (operand->kind) {
	case BSL_ARG_CONST:
		arg->kind = USDT_ARG_CONST;
		break;
	case BSL_ARG_REG:
		arg->reg = register_slot(machine, operand->reg);
		arg->shift = operand->reg_shift;
		arg->kind = arg->reg == USDT_NO_REG ? USDT_ARG_NONE : USDT_ARG_REG;
		break;
	case BSL_ARG_DEREF:
		arg->reg = register_slot(machine, operand->reg);
		arg->index = register_slot(machine, operand->index);
		arg->scale = operand->scale ? __builtin_ctz(operand->scale) : 0;
		arg->index_bits = operand->index_is_w ? 32 + operand->index_is_signed : 64;
		arg->kind = USDT_ARG_DEREF;
		break;
	case BSL_ARG_ADDR:
		/* At the probe the program counter is the site's run-time address. */
		arg->reg = register_slot(machine, machine->pc);
		arg->disp = operand->addr - site;
		arg->kind = arg->reg == USDT_NO_REG ? USDT_ARG_NONE : USDT_ARG_DEREF;
		break;
	case BSL_ARG_UNSUPPORTED:
		break;
	}
}

static void value_resolve(struct usdt_arg *arg, const struct runtime_value *value,
			  const struct bsl_usdt *usdt, const struct bsl_machine *machine)
{
	*arg = (struct usdt_arg){ .reg = USDT_NO_REG, .index = USDT_NO_REG };
	if (!value->operand || !machine)
		return;
	if (!usdt)
		value_from_argument(arg, value->operand, machine);
	else if (value->operand <= usdt->nargs && value->operand <= BSL_USDT_MAX_ARGS)
		value_from_operand(arg, &usdt->args[value->operand - 1], usdt->addr, machine);
	arg->nr_steps = value->nr_steps;
	arg->last_size = value->last_size ?: 8;
	memcpy(arg->steps, value->steps, sizeof(arg->steps));
	arg->add = value->add;
}

/* ---- places ---- */

struct resolution {
	struct bsl_elf *elf;
	struct runtime_image *image;
	const struct runtime_desc *desc;
	const struct runtime_row *row;
	uint64_t ref_ctr_offset; /* for an enabler */
	uint64_t version;	 /* 0: not known */
};

/* What a better rank was refused doesn't matter where this one has the event as well. */
static void forget_better(struct runtime_route *route, uint8_t rank)
{
	if (rank > route->refused_rank)
		route->refused = 0;
	route->refused_rank = rank;
}

/* A place where a probe would do harm: reported when the others are attached to. */
static void note_refused(struct resolution *res, const char *what, const char *why)
{
	struct runtime_image *image = res->image;
	struct runtime_route *route = &image->routes[res->row->event];

	log_info("%s: %s is not probed: %s", image->display, what, why);
	if (res->row->event >= RUNTIME_EVENTS)
		return;
	forget_better(route, res->row->rank);
	if (!route->refused++)
		snprintf(route->refusal, sizeof(route->refusal), "%s: %s", what, why);
}

/*
 * Adds the place at an address, of a USDT site, a function's entry, or neither (NULL); one at which a probe would do harm is
 * left out. 0 or -ENOMEM.
 */
static int place_add(struct resolution *res, const struct bsl_usdt *usdt,
		     const struct bsl_symbol *entry, uint64_t addr, bool is_return)
{
	struct runtime_image *image = res->image;
	const struct runtime_row *row = res->row;
	struct runtime_place *grown, *place;
	const struct bsl_machine *machine = bsl_machine_get(bsl_elf_machine(res->elf));
	uint64_t offset;
	char why[300];
	int err;

	if (bsl_elf_addr_to_offset(res->elf, addr, &offset))
		return 0;
	err = entry ? bsl_elf_check_entry(res->elf, entry, why, sizeof(why))
		    : bsl_elf_check_place(res->elf, addr, usdt ? BSL_PLACE_VOUCHED : 0, why,
					  sizeof(why));
	if (err == -EPERM)
		note_refused(res, row->symbol ?: row->usdt ?: "an opcode", why);
	if (err)
		return err == -EPERM ? 0 : err;
	grown = reallocarray(image->places, image->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	image->places = grown;
	place = &grown[image->count++];
	*place = (struct runtime_place){
		.spec = { .event = row->event,
			  .lang = image->lang,
			  .reader = row->reader,
			  .is_part = row->is_part },
		.is_return = is_return,
		.probe = row->usdt && row->event != RUNTIME_ENABLER ? row->usdt : row->symbol,
		.danger = row->danger,
		.offset = offset,
		.addr = addr,
		.ref_ctr_offset = usdt ? usdt->sema_offset : res->ref_ctr_offset,
	};
	for (int role = 0; role < RUNTIME_ROLES; role++)
		value_resolve(&place->spec.args[role], &row->values[role], usdt, machine);
	if (row->event < RUNTIME_EVENTS)
		image->routes[row->event].places++;
	return 0;
}

static bool usdt_matches(const struct bsl_usdt *usdt, const char *name)
{
	size_t len = strlen(usdt->provider);

	return !strncmp(name, usdt->provider, len) && name[len] == ':' &&
	       !strcmp(name + len + 1, usdt->name);
}

static int add_usdt_site(const struct bsl_usdt *usdt, void *ctx)
{
	struct resolution *res = ctx;

	if (usdt->offset == UINT64_MAX || usdt->sema_offset == UINT64_MAX ||
	    !usdt_matches(usdt, res->row->usdt))
		return 0;
	return place_add(res, usdt, NULL, usdt->addr, false);
}

#define FIRST_PART_MAX 64 /* bytes: a test and a jump */

/* The second part of a function that is split; of others, their start. */
static uint64_t second_part(const struct bsl_elf *elf, const struct bsl_symbol *sym)
{
	const void *code = sym->size > FIRST_PART_MAX ? NULL
						      : bsl_elf_data(elf, sym->addr, sym->size);

	return code ? runtime_follow_jump(bsl_elf_machine(elf), code, sym->addr, sym->size)
		    : sym->addr;
}

static int add_return_site(uint64_t offset, void *ctx)
{
	struct resolution *res = ctx;
	uint64_t addr;

	if (bsl_elf_offset_to_addr(res->elf, offset, &addr))
		return 0;
	return place_add(res, NULL, NULL, addr, false);
}

/* By a return probe, or where that would do harm by the function's return instructions. */
static int add_returns(struct resolution *res, const struct bsl_symbol *sym)
{
	const struct bsl_function function = { sym->addr, sym->size, sym->name, sym->is_label };
	char why[300];
	int way = bsl_elf_return_way(res->elf, &function, why, sizeof(why));

	if (way == BSL_RETURN_BY_PROBE)
		return place_add(res, NULL, sym, sym->addr, true);
	if (way == BSL_RETURN_BY_SITES)
		way = bsl_elf_return_sites(res->elf, &function, add_return_site, res);
	if (way == -EPERM)
		note_refused(res, sym->name, why);
	return way < 0 && way != -EPERM ? way : 0;
}

static int add_function(const struct bsl_symbol *sym, void *ctx)
{
	struct resolution *res = ctx;

	if (sym->offset == UINT64_MAX || sym->clone || sym->type != BSL_SYM_FUNC)
		return 0;
	if (res->row->is_return)
		return add_returns(res, sym);
	if (res->row->follow_jump)
		return place_add(res, NULL, NULL, second_part(res->elf, sym), false);
	return place_add(res, NULL, sym,
			 sym->addr + bsl_elf_entry_skip(res->elf, sym->addr, sym->size), false);
}

#define SITES_MAX 64

struct sites {
	const char *name;
	uint64_t sema_addr, addrs[SITES_MAX];
	size_t count;
};

static int note_site(const struct bsl_usdt *usdt, void *ctx)
{
	struct sites *sites = ctx;

	if (!usdt->sema_addr || sites->count == SITES_MAX || !usdt_matches(usdt, sites->name))
		return 0;
	sites->sema_addr = usdt->sema_addr;
	sites->addrs[sites->count++] = usdt->addr;
	return 0;
}

/* Places that have no symbol, by their addresses. */
static int add_addresses(struct resolution *res, const uint64_t *addrs, int count)
{
	int err = 0;

	for (int i = 0; i < count && !err; i++)
		err = place_add(res, NULL, NULL, addrs[i], false);
	return err;
}

static int add_guards(struct resolution *res)
{
	struct sites sites = { .name = res->row->usdt };
	uint64_t guards[SITES_MAX];
	int count;

	bsl_elf_usdt_each(res->elf, note_site, &sites);
	count = runtime_find_guards(res->elf, sites.sema_addr, sites.addrs, sites.count, guards);
	return add_addresses(res, guards, count);
}

static int add_handlers(struct resolution *res)
{
	uint64_t handlers[RUNTIME_HANDLERS_MAX];
	int count = runtime_find_php_handlers(res->elf, res->row->php_opcode, handlers);

	return add_addresses(res, handlers, count);
}

static int note_semaphore(const struct bsl_usdt *usdt, void *ctx)
{
	struct resolution *res = ctx;

	if (usdt_matches(usdt, res->row->usdt) && usdt->sema_offset != UINT64_MAX)
		res->ref_ctr_offset = usdt->sema_offset;
	return 0;
}

/* The places of one row. Returns 0, or -ENOMEM; a broken note or a missing table is none. */
static int resolve_row(struct resolution *res)
{
	const struct runtime_row *row = res->row;
	int err = 0;

	res->ref_ctr_offset = 0;
	if (row->php_opcode)
		return add_handlers(res);
	if (row->is_guard) {
		err = add_guards(res);
	} else if (row->usdt && row->symbol) {
		err = bsl_elf_usdt_each(res->elf, note_semaphore, res);
		if (!res->ref_ctr_offset)
			return 0;
	} else if (row->usdt) {
		err = bsl_elf_usdt_each(res->elf, add_usdt_site, res);
	}
	if (row->symbol)
		err = bsl_elf_find_symbols(res->elf, row->symbol,
					   bsl_glob_is_pattern(row->symbol) ? BSL_FIND_GLOB : 0,
					   add_function, res);
	return err == -ENOMEM ? err : 0;
}

static int read_version(const struct bsl_symbol *sym, void *ctx)
{
	struct resolution *res = ctx;
	uint8_t size = res->desc->version.size;
	const void *data = bsl_elf_data(res->elf, sym->addr, size);

	if (data)
		memcpy(&res->version, data, size);
	res->version >>= res->desc->version.shift;
	return 1;
}

static bool is_for_version(const struct resolution *res)
{
	const uint16_t *versions = res->row->versions;

	return !versions[1] || (res->version >= versions[0] && res->version <= versions[1]);
}

/* True if a better (lower) rank already provided places for this event. */
static bool is_outranked(const struct resolution *res, uint8_t found_rank)
{
	return res->row->event < RUNTIME_EVENTS && res->image->routes[res->row->event].places &&
	       res->row->rank > found_rank;
}

static void route_explain(struct runtime_image *image, const struct runtime_desc *desc,
			  enum runtime_event event)
{
	struct runtime_route *route = &image->routes[event];

	if (route->places)
		return;
	if (event == RUNTIME_THREAD_START && desc->has_kernel_threads) {
		route->kind = RUNTIME_ROUTE_KERNEL;
		route->note = "threads that the kernel starts for the process";
	} else {
		route->note =
			route->refused ? "a probe would do harm there"
				       : desc->missing[event]
						 ?: "this build has neither a USDT probe nor a function for it";
	}
}

static int note_switch(const struct bsl_symbol *sym, void *ctx)
{
	uint64_t *addr = ctx;

	*addr = sym->addr;
	return 1;
}

static void resolve_switches(struct resolution *res)
{
	for (int i = 0; i < RUNTIME_SWITCHES_MAX; i++)
		if (res->desc->switches[i].symbol)
			bsl_elf_find_symbols(res->elf, res->desc->switches[i].symbol,
					     BSL_FIND_ONLY_OBJECTS, note_switch,
					     &res->image->switch_addrs[i]);
}

static int image_resolve(struct resolution *res)
{
	uint8_t ranks[RUNTIME_EVENTS + 1] = {};
	struct runtime_route *route;
	size_t before;
	int err;

	if (res->desc->version.symbol)
		bsl_elf_find_symbols(res->elf, res->desc->version.symbol, BSL_FIND_ONLY_OBJECTS,
				     read_version, res);
	for (size_t i = 0; i < res->desc->count; i++) {
		res->row = &res->desc->rows[i];
		if (is_outranked(res, ranks[res->row->event]) || !is_for_version(res))
			continue;
		before = res->image->count;
		err = resolve_row(res);
		if (err)
			return err;
		if (res->image->count == before || res->row->event == RUNTIME_ENABLER)
			continue;
		ranks[res->row->event] = res->row->rank;
		route = &res->image->routes[res->row->event];
		forget_better(route, res->row->rank);
		route->kind = res->row->usdt && !res->row->is_guard ? RUNTIME_ROUTE_USDT
								    : RUNTIME_ROUTE_UPROBE;
		route->note = res->row->note ?: route->note;
	}
	resolve_switches(res);
	for (int event = 0; event < RUNTIME_EVENTS; event++)
		route_explain(res->image, res->desc, event);
	return 0;
}

/* ---- images ---- */

void runtime_image_free(struct runtime_image *image)
{
	if (!image)
		return;
	free(image->places);
	free(image->display);
	if (image->fd >= 0)
		close(image->fd);
	free(image);
}

static int defined_here(const struct bsl_symbol *sym, void *ctx)
{
	bool *found = ctx;

	*found = sym->offset != UINT64_MAX;
	return *found;
}

/* Which runtime the file is; -1: none of those asked for. */
static int recognise(struct bsl_elf *elf, unsigned int langs)
{
	for (int lang = 0; lang < RUNTIME_LANGS; lang++) {
		bool found = false;

		if (langs & 1u << lang)
			bsl_elf_find_symbols(elf, runtime_descs[lang].symbol, 0, defined_here,
					     &found);
		if (found)
			return lang;
	}
	return -1;
}

int runtime_image_open(int fd, const char *display, unsigned int langs,
		       struct runtime_image **result)
{
	struct resolution res = {};
	int err, lang;

	err = bsl_elf_open_fd(fd, &res.elf);
	if (err)
		return err;
	lang = recognise(res.elf, langs);
	if (lang < 0 || bsl_elf_bits(res.elf) != 64 ||
	    bsl_elf_machine(res.elf) != bsl_host_machine()) {
		err = -ENOENT;
		goto cleanup;
	}
	err = -ENOMEM;
	res.image = calloc(1, sizeof(*res.image));
	if (!res.image)
		goto cleanup;
	res.desc = &runtime_descs[lang];
	res.image->lang = lang;
	res.image->dev = bsl_elf_dev(res.elf);
	res.image->ino = bsl_elf_ino(res.elf);
	res.image->fd = -1;
	res.image->display = strdup(display);
	if (res.image->display)
		err = image_resolve(&res);
	if (err)
		goto cleanup;
	res.image->fd = fd;
	snprintf(res.image->path, sizeof(res.image->path), "/proc/self/fd/%d", fd);
	*result = res.image;
	res.image = NULL;
cleanup:
	bsl_elf_close(res.elf);
	runtime_image_free(res.image);
	return err;
}
