/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Functions' names as C++, Rust and Go write them. Parentheses, brackets, blanks and stars in these are no signatures, patterns and
 * ends:
 *
 *	ns::Ring<int, 4>::push   <app::T as app::Shape>::area   (anonymous namespace)::f   main::{lambda(int)#1}::operator()
 *	operator==   operator bool   operator*   net/http.(*Client).Get   main.Sum[int]
 */
#include "probe/spec/parse_private.h"

#include <array_size.h>
#include <string.h>

static bool is_word(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* Behind the bracket that closes the one at text[at], with those in between; at: it isn't closed. */
static size_t skip_brackets(const char *text, size_t at, char open, char close)
{
	unsigned int depth = 0;

	for (size_t i = at; text[i]; i++) {
		if (text[i] == open)
			depth++;
		/* the arrow of Rust's fn() -> T */
		if (text[i] == close && !(close == '>' && i && text[i - 1] == '-') && !--depth)
			return i + 1;
	}
	return at;
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* What C++ writes behind "operator", from text[at] on. */
static size_t skip_operator(const char *text, size_t at)
{
	static const char *const pairs[] = { "()", "[]", " new[]", " delete[]", " new", " delete" };
	size_t end = at;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (starts_with(text + at, pairs[i]))
			return at + strlen(pairs[i]);
	while (text[end] && strchr("+-*/%^&|~!=<>,", text[end]))
		end++;
	/* a conversion: to a type, perhaps in namespaces, with stars */
	if (end == at && text[at] == ' ' && is_word(text[at + 1])) {
		for (end = at + 1; is_word(text[end]) || starts_with(text + end, "::") ||
				   (text[end] == ':' && text[end - 1] == ':');)
			end++;
		if (text[end] == '<')
			end = skip_brackets(text, end, '<', '>');
		while (text[end] == '*' || text[end] == '&')
			end++;
	}
	return end;
}

size_t parse_name_skip(const char *text, size_t start, size_t at)
{
	bool is_first = at == start || text[at - 1] == ':', is_inner = at > start;
	size_t end;

	switch (text[at]) {
	case '(':
		if (is_first && starts_with(text + at, "(anonymous namespace)"))
			return at + strlen("(anonymous namespace)");
		/* Go's receiver: net/http.(*Client).Get */
		end = is_inner && text[at - 1] == '.' ? skip_brackets(text, at, '(', ')') : at;
		return text[end] == '.' ? end : at;
	case '{':
		return skip_brackets(text, at, '{', '}');
	case '<':
		return is_first || is_word(text[at - 1]) ? skip_brackets(text, at, '<', '>') : at;
	case 'o':
		end = at + strlen("operator");
		if ((is_inner && is_word(text[at - 1])) || !starts_with(text + at, "operator") ||
		    is_word(text[end]))
			return at;
		return skip_operator(text, end);
	default:
		return at;
	}
}

bool parse_name_is_pattern(const char *name, bool *is_sure)
{
	bool has_class = false;

	*is_sure = true;
	for (size_t i = 0; name[i]; i++) {
		size_t end = parse_name_skip(name, 0, i);

		if (end > i) {
			i = end - 1;
			continue;
		}
		if (name[i] == '\\' && name[i + 1])
			i++;
		else if (name[i] == '*' || name[i] == '?')
			return true;
		else
			has_class |= name[i] == '[' && strchr(name + i, ']');
	}
	*is_sure = !has_class;
	return has_class;
}
