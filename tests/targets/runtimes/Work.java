// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
// K rounds of known work: calls, objects, exceptions, collections, class loads, threads.
import java.net.URL;
import java.net.URLClassLoader;

public class Work {
	static class Thing {
	}

	static int calls;

	static void call() {
		calls++;
	}

	static void raising() throws Exception {
		throw new Exception();
	}

	public static class Loaded {
	}

	static void roundOfWork() throws Exception {
		for (int i = 0; i < 1000; i++)
			call();
		for (int i = 0; i < 300; i++)
			new Thing();
		for (int i = 0; i < 50; i++) {
			try {
				raising();
			} catch (Exception e) {
			}
		}
		for (int i = 0; i < 7; i++)
			System.gc();
		for (int i = 0; i < 3; i++) {
			URL[] urls = { Work.class.getProtectionDomain().getCodeSource().getLocation() };
			new URLClassLoader(urls, null).loadClass("Work$Loaded");
		}
	}

	public static void main(String[] args) throws Exception {
		int rounds = Integer.parseInt(args[0]), threads = Integer.parseInt(args[1]);
		int calls = Integer.parseInt(args[2]), objects = Integer.parseInt(args[3]);

		for (int k = 0; k < rounds; k++)
			roundOfWork();
		for (int i = 0; i < calls; i++)
			call();
		for (int i = 0; i < objects; i++)
			new Thing();
		for (int i = 0; i < threads; i++) {
			Thread thread = new Thread(() -> {});
			thread.start();
			thread.join();
		}
	}
}
