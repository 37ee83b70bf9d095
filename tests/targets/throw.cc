/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
// throw [ROUNDS]: C++ names and exceptions: overloads, namespaces, templates, std::string, throw/catch.
#include <stdexcept>
#include <string>
#include "target.h"

namespace app
{
NOINLINE int add(int a, int b)
{
	return a + b;
}

NOINLINE double add(double a, double b)
{
	return a + b;
}

template <typename T> NOINLINE T twice(T a)
{
	return a + a;
}

struct Greeter {
	NOINLINE std::size_t greet(const std::string &name) const;
};

NOINLINE std::size_t Greeter::greet(const std::string &name) const
{
	return name.size();
}

NOINLINE int even(int i)
{
	if (i % 2)
		throw std::runtime_error("odd");
	return i;
}

/* An exception of the other one passes through it. */
NOINLINE int through(int i)
{
	return even(i) + 1;
}

NOINLINE void fail(int i)
{
	if (i % 2)
		throw std::runtime_error("odd");
	throw i;
}
} // namespace app

int main(int argc, char **argv)
{
	long rounds = target_count(argc, argv, 1, 3);

	target_wait();
	for (int i = 0; i < rounds; i++) {
		std::string name(i + 10, 'n');

		std::printf("app::add(int, int) %d %d = %d\n", i, 1, app::add(i, 1));
		std::printf("app::add(double, double) = %g\n", app::add(i + 0.5, 1.0));
		std::printf("app::twice<long>(long) %d = %ld\n", i,
			    app::twice(static_cast<long>(i)));
		std::printf("app::Greeter::greet %s = %zu\n", name.c_str(),
			    app::Greeter().greet(name));
		try {
			std::printf("app::through %d = %d\n", i, app::through(i));
		} catch (const std::exception &) {
			std::printf("throw St13runtime_error\n");
		}
		try {
			app::fail(i);
		} catch (const std::exception &) {
			std::printf("throw St13runtime_error\n");
		} catch (int) {
			std::printf("throw i\n");
		}
	}
	return 0;
}
