/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any text as the argument description of a USDT note, for every machine. */
#include <array_size.h>
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <blazesym-lite.h>

static void arg_check(const struct bsl_usdt_arg *arg, int machine)
{
	bool ok = arg->kind == BSL_ARG_UNSUPPORTED
			  ? arg->why != NULL
			  : arg->size == 1 || arg->size == 2 || arg->size == 4 || arg->size == 8;

	if (arg->kind == BSL_ARG_REG)
		ok = ok && bsl_reg_get(machine, arg->reg);
	if (arg->kind == BSL_ARG_DEREF)
		ok = ok &&
		     (arg->scale == 1 || arg->scale == 2 || arg->scale == 4 || arg->scale == 8);
	if (arg->kind == BSL_ARG_ADDR)
		ok = ok && arg->sym && arg->sym_len;
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int machines[] = { EM_X86_64, EM_AARCH64, EM_386, EM_S390 };
	struct bsl_usdt usdt;
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		bsl_usdt_parse_args(text, machines[i], &usdt);
		for (unsigned int j = 0; j < usdt.nargs && j < BSL_USDT_MAX_ARGS; j++)
			arg_check(&usdt.args[j], machines[i]);
	}
	free(text);
	return 0;
}
