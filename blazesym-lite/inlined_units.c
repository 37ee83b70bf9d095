/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Units by the bytes in them. A name is a string in the unit itself, or its place in .debug_str is a number there or in the unit's
 * table of such (DWARF 5, 7.26). That bytes look like it by chance does no harm.
 */
#include "inlined_units.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MIN 3
#define STRINGS_MAX 1024

int numbers_add(struct numbers *numbers, uint64_t value)
{
	uint16_t low = value;
	uint32_t *grown;

	if (value > UINT32_MAX)
		return 0;
	if (numbers->nr == numbers->room) {
		numbers->room = numbers->room ? 2 * numbers->room : 16;
		grown = reallocarray(numbers->values, numbers->room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		numbers->values = grown;
	}
	numbers->values[numbers->nr++] = value;
	numbers->bits[low / 8] |= 1 << low % 8;
	return 0;
}

static bool numbers_has(const struct numbers *numbers, uint32_t value)
{
	for (size_t i = 0; i < numbers->nr; i++)
		if (numbers->values[i] == value)
			return true;
	return false;
}

/* Is one of them anywhere among the bytes? */
static bool numbers_are_in(const struct numbers *numbers, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 4 <= size && numbers->nr; i++) {
		uint16_t low = data[i] | data[i + 1] << 8;

		if ((numbers->bits[low / 8] >> low % 8 & 1) &&
		    numbers_has(numbers, low | (uint32_t)(data[i + 2] | data[i + 3] << 8) << 16))
			return true;
	}
	return false;
}

/* libdw has decompressed what was compressed. NULL: there is no such section. */
static const uint8_t *section_get(Elf *elf, const char *wanted, size_t *size)
{
	Elf_Scn *section = NULL;
	size_t names;

	*size = 0;
	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header)
					   ? elf_strptr(elf, names, header.sh_name)
					   : NULL;
		Elf_Data *data = name && !strcmp(name, wanted) ? elf_getdata(section, NULL) : NULL;

		if (!data || !data->d_buf || (header.sh_flags & SHF_COMPRESSED))
			continue;
		*size = data->d_size;
		return data->d_buf;
	}
	return NULL;
}

static int strings_find(struct inlined_units *units, const char *data, size_t size)
{
	size_t len = strlen(units->word);
	const char *at = data;
	int err = 0;

	while (!err && (at = memmem(at, size - (at - data), units->word, len))) {
		const char *start = at;

		while (start > data && start[-1])
			start--;
		err = numbers_add(&units->strings, start - data);
		/* on to the next string */
		at = memchr(at, '\0', size - (at - data)) ?: data + size;
	}
	return err;
}

int inlined_units_open(struct inlined_units *units, Dwarf *dwarf, const char *word)
{
	Elf *elf = dwarf_getelf(dwarf);
	const uint8_t *strings;
	size_t size;

	*units = (struct inlined_units){ .word = word };
	/* a word that is everywhere; names in another file, as dwz makes it */
	if (strlen(word) < WORD_MIN || !elf || section_get(elf, ".gnu_debugaltlink", &size))
		return 0;
	strings = section_get(elf, ".debug_str", &size);
	units->info = section_get(elf, ".debug_info", &units->info_size);
	units->offsets = section_get(elf, ".debug_str_offsets", &units->offsets_size);
	if (strings && units->info && strings_find(units, (const char *)strings, size))
		return -ENOMEM;
	if (!strings || units->strings.nr > STRINGS_MAX)
		units->info = NULL;
	return 0;
}

void inlined_units_close(struct inlined_units *units)
{
	free(units->strings.values);
}

/* The bytes of a unit, its header apart; NULL: they aren't known. */
static const uint8_t *unit_bytes(const struct inlined_units *units, Dwarf_Die *unit, size_t *size)
{
	Dwarf_Off start = dwarf_dieoffset(unit), next;
	uint8_t address, offset;
	Dwarf_Die again;
	size_t header;

	if (!units->info || !dwarf_diecu(unit, &again, &address, &offset) || offset != 4)
		return NULL;
	header = dwarf_cuoffset(unit);
	if (dwarf_nextcu(dwarf_cu_getdwarf(unit->cu), start - header, &next, NULL, NULL, NULL,
			 NULL) ||
	    next > units->info_size || start >= next)
		return NULL;
	*size = next - start;
	return units->info + start;
}

/* The unit's own table of strings. */
static bool table_mentions(const struct inlined_units *units, Dwarf_Die *unit)
{
	Dwarf_Attribute attr;
	Dwarf_Word base;
	uint32_t length;

	if (!units->offsets || !dwarf_attr(unit, DW_AT_str_offsets_base, &attr) ||
	    dwarf_formudata(&attr, &base))
		return false;
	if (base < 8 || base > units->offsets_size)
		return true;
	memcpy(&length, units->offsets + base - 8, sizeof(length));
	if (length > units->offsets_size - base + 4)
		return true;
	return numbers_are_in(&units->strings, units->offsets + base, length - 4);
}

bool inlined_units_mention(const struct inlined_units *units, Dwarf_Die *unit)
{
	const uint8_t *data;
	size_t size;
	uint8_t type;

	if (dwarf_cu_info(unit->cu, NULL, &type, NULL, NULL, NULL, NULL, NULL) ||
	    (type != DW_UT_compile && type != DW_UT_partial))
		return true;
	data = unit_bytes(units, unit, &size);
	return !data || memmem(data, size, units->word, strlen(units->word)) ||
	       numbers_are_in(&units->strings, data, size) || table_mentions(units, unit);
}

bool inlined_units_refer(const struct inlined_units *units, Dwarf_Die *unit,
			 const struct numbers *entries)
{
	size_t size;
	const uint8_t *data = unit_bytes(units, unit, &size);

	return entries->nr && (!data || numbers_are_in(entries, data, size));
}
