/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where instructions begin in a function. From its start on, each byte belongs to one, unless there is data among them:
 * then a jump leads into the middle of something, or something isn't an instruction, and only what the entry leads to,
 * step by step, is proved to be code.
 */
#include "body.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

#define BODY_MAX \
	(64u << 20) /* bytes of a function; the largest interpreters' loops have a hundredth */

static bool bit_get(const uint8_t *bits, uint64_t at)
{
	return bits[at / 8] >> at % 8 & 1;
}

static void bit_set(uint8_t *bits, uint64_t at)
{
	bits[at / 8] |= 1 << at % 8;
}

bool body_has_start(const struct body *body, uint64_t addr)
{
	return addr - body->addr < body->size && bit_get(body->starts, addr - body->addr);
}

bool body_decode(const struct body *body, uint64_t addr, struct bsl_insn *insn)
{
	uint64_t at = addr - body->addr;

	return at < body->size &&
	       bsl_insn_decode(body->machine, body->code + at, body->size - at, addr, insn) > 0;
}

static bool has_target(const struct bsl_insn *insn)
{
	return insn->kind == BSL_INSN_JUMP || insn->kind == BSL_INSN_BRANCH ||
	       insn->kind == BSL_INSN_CALL;
}

static bool goes_on(const struct bsl_insn *insn)
{
	return insn->kind != BSL_INSN_JUMP && insn->kind != BSL_INSN_JUMP_INDIRECT &&
	       insn->kind != BSL_INSN_RETURN && insn->kind != BSL_INSN_STOP;
}

int body_each(const struct body *body,
	      int (*fn)(const struct bsl_insn *insn, uint64_t addr, void *ctx), void *ctx)
{
	struct bsl_insn insn;
	int ret = 0;

	for (uint64_t at = 0; at < body->size && !ret; at++) {
		if (!bit_get(body->starts, at) || !body_decode(body, body->addr + at, &insn))
			continue;
		ret = fn(&insn, body->addr + at, ctx);
		at += insn.length - 1;
	}
	return ret;
}

/* One after the other to the end. False: there is something else. */
static bool mark_all(struct body *body)
{
	struct bsl_insn insn;

	for (uint64_t at = 0; at < body->size; at += insn.length) {
		if (!body_decode(body, body->addr + at, &insn))
			return false;
		bit_set(body->starts, at);
	}
	return true;
}

static int leads_astray(const struct bsl_insn *insn, uint64_t addr, void *ctx)
{
	const struct body *body = ctx;

	(void)addr;
	return has_target(insn) && insn->target - body->addr < body->size &&
	       !body_has_start(body, insn->target);
}

/* Addresses that are still to be followed. */
struct worklist {
	uint64_t *addrs;
	size_t nr, room;
};

static int worklist_add(struct worklist *list, uint64_t addr)
{
	size_t room = list->room ? 2 * list->room : 16;
	uint64_t *grown;

	if (list->nr == list->room) {
		grown = reallocarray(list->addrs, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->addrs = grown;
		list->room = room;
	}
	list->addrs[list->nr++] = addr;
	return 0;
}

/* Mark straight on from addr, and note where it branches to. */
static int mark_from(struct body *body, uint64_t addr, struct worklist *list)
{
	struct bsl_insn insn;
	int err = 0;

	while (!err && addr - body->addr < body->size && !body_has_start(body, addr) &&
	       body_decode(body, addr, &insn)) {
		bit_set(body->starts, addr - body->addr);
		addr += insn.length;
		if (has_target(&insn) && insn.target - body->addr < body->size)
			err = worklist_add(list, insn.target);
		if (!goes_on(&insn))
			break;
	}
	return err;
}

/* What is reached from the entry. Calls are taken to return. */
static int mark_reached(struct body *body)
{
	struct worklist list = {};
	int err = worklist_add(&list, body->addr);

	memset(body->starts, 0, body->size / 8 + 1);
	while (!err && list.nr)
		err = mark_from(body, list.addrs[--list.nr], &list);
	free(list.addrs);
	return err;
}

static void body_free(struct body *body)
{
	free(body->starts);
	free(body);
}

static int starts_find(struct body *body)
{
	body->starts = calloc(1, body->size / 8 + 1);
	if (!body->starts)
		return -ENOMEM;
	body->is_whole = mark_all(body) && !body_each(body, leads_astray, body);
	return body->is_whole ? 0 : mark_reached(body);
}

int body_get(struct bsl_elf *elf, uint64_t addr, uint64_t size, const struct body **out)
{
	int machine = bsl_elf_machine(elf), err;
	struct body *body = elf->body;

	*out = body;
	if (body && body->addr == addr && body->size == size)
		return 0;
	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return -ENOTSUP;
	if (!size || size > BODY_MAX || !bsl_elf_data(elf, addr, size))
		return elf_error(elf, -ENOENT);
	if (body)
		body_free(body);
	elf->body = NULL;
	body = calloc(1, sizeof(*body));
	if (!body)
		return -ENOMEM;
	*body = (struct body){ machine, addr, size, bsl_elf_data(elf, addr, size), NULL, false };
	err = starts_find(body);
	if (err) {
		body_free(body);
		return err;
	}
	elf->body = body;
	elf->body_free = body_free;
	*out = body;
	return 0;
}
