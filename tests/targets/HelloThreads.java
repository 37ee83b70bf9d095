/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
// Starts named threads and loads a class of its own; prints what a tracer should have seen.
public class HelloThreads {
	static class Loaded {
		static String hello(int i) {
			return "hello " + i;
		}
	}

	public static void main(String[] args) throws Exception {
		int count = args.length > 0 ? Integer.parseInt(args[0]) : 2;

		if (System.getenv("TARGET_WAIT") != null) {
			System.out.println("ready " + ProcessHandle.current().pid());
			System.in.read();
		}
		for (int i = 0; i < count; i++) {
			String name = "hello-thread-" + i;
			int id = i;
			Thread thread = new Thread(() -> System.out.println("method " + Loaded.hello(id)), name);

			System.out.println("thread " + name);
			thread.start();
			thread.join();
		}
		System.out.println("class HelloThreads$Loaded");
		System.gc();
		System.out.println("gc");
	}
}
