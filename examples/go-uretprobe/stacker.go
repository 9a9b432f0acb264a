// SPDX-License-Identifier: MIT

// stacker adds numbers and prints the sum. Nothing is wrong with it. It allocates while it adds, so the garbage collector
// runs and reads its stack.
package main

import (
	"fmt"
	"os"
	"strconv"
)

type item struct {
	value int
	label string
}

//go:noinline
func stacker(count int) string {
	sum := 0
	for i := 0; i < count; i++ {
		one := item{value: 2 * i, label: fmt.Sprint(sum)}
		sum += one.value
	}
	return fmt.Sprintf("the sum is %d", sum)
}

func main() {
	count := 1000000
	if len(os.Args) > 1 {
		count, _ = strconv.Atoi(os.Args[1])
	}
	fmt.Println(stacker(count))
}
