/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* See flow.py. */
import java.io.IOException;

class Flow {
	static int fact(int n) {
		return n <= 1 ? 1 : n * fact(n - 1);
	}

	static void deep(int n) {
		if (n == 0)
			throw new IllegalStateException("deep enough");
		deep(n - 1);
	}

	static void guarded() {
		try {
			deep(2);
		} catch (IllegalStateException e) {
			leaf();
		}
	}

	static void leaf() {
	}

	static void work() {
		fact(3);
		guarded();
		leaf();
	}

	static void inThread(int n) {
		while (n-- > 0)
			outer();
	}

	static void outer() {
		leaf();
	}

	static Thread started(int n) {
		Thread thread = new Thread(() -> inThread(n), "flow-" + n);
		thread.start();
		return thread;
	}

	public static void main(String[] args) throws IOException, InterruptedException {
		System.out.println("ready");
		System.in.read();
		work();
		if (args.length > 0) {
			Thread a = started(3), b = started(5);
			a.join();
			b.join();
		}
		System.out.println("done");
		System.in.read();
	}
}
