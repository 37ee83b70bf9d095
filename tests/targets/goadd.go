// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)

// goadd [ROUNDS]: goroutines whose stacks grow in the middle of a traced call, which moves them. Logs
// each result as "goAdd A B = SUM" after the calls; a broken return address ends it with a panic.
package main

import (
	"fmt"
	"os"
	"strconv"
)

//go:noinline
func grow(n int) int {
	var pad [256]byte
	pad[n&255] = byte(n)
	if n == 0 {
		return 0
	}
	return grow(n-1) + int(pad[n&255]) - int(byte(n))
}

//go:noinline
func goAdd(a, b int) int {
	if a < 0 {
		return -a + b + grow(200)
	}
	return a + b + grow(200)
}

//go:noinline
func goName(name string) int {
	return len(name)
}

func main() {
	rounds := 5
	if len(os.Args) > 1 {
		rounds, _ = strconv.Atoi(os.Args[1])
	}
	if os.Getenv("TARGET_WAIT") != "" {
		fmt.Println("ready", os.Getpid())
		var line string
		fmt.Scanln(&line)
	}
	results := make(chan string)
	for i := 0; i < rounds; i++ {
		go func(i int) {
			sum := goAdd(i-2, 10*i)
			goName(fmt.Sprintf("name %d", i))
			results <- fmt.Sprintf("goAdd %d %d = %d", i-2, 10*i, sum)
		}(i)
	}
	for i := 0; i < rounds; i++ {
		fmt.Println(<-results)
	}
}
