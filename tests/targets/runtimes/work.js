// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
// K rounds of known work: collections (run with --expose-gc), exceptions, modules, workers.
"use strict";
const { Worker } = require("worker_threads");
const [, , rounds, workers, file] = process.argv;

function raising() {
	throw new Error("x");
}

for (let k = 0; k < Number(rounds); k++) {
	for (let i = 0; i < 50; i++) {
		try {
			raising();
		} catch (error) {
		}
	}
	for (let i = 0; i < 7; i++)
		global.gc();
	for (let i = 0; i < 3; i++) {
		delete require.cache[require.resolve(file)];
		require(file);
	}
}
for (let i = 0; i < Number(workers); i++)
	new Worker("", { eval: true });
