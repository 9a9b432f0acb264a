// SPDX-License-Identifier: MIT
// Two goroutines write to one map: Go's runtime notices, and ends the program. step is called, and returns, again and again.
package main

import (
	"fmt"
	"os"
)

//go:noinline
func step(shared map[int]int, number int) {
	for i := 0; i < 10000; i++ {
		shared[i&7] = number
	}
}

func main() {
	shared := map[int]int{}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	for i := 0; i < 4; i++ {
		go func() {
			for number := 0; ; number++ {
				step(shared, number)
			}
		}()
	}
	select {}
}
