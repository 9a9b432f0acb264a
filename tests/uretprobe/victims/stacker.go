// SPDX-License-Identifier: MIT

// stacker allocates in a loop for so long that the garbage collector scans its stack meanwhile; with a second argument
// it recurses instead, so that its stack is copied to a larger place.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

type example struct {
	id   int
	name string
}

func deep(count int, block [128]int) int {
	if count == 0 {
		return block[0]
	}
	block[count%128] = count
	return deep(count-1, block) + block[count%128]
}

func stacker(count int, recurse bool) string {
	var result int

	if recurse {
		result = deep(count, [128]int{})
	} else {
		for i := 0; i < count; i++ {
			temp := example{id: i * 2, name: fmt.Sprintf("%d", result)}
			result += temp.id
		}
	}
	return fmt.Sprintf("hello: %d", result)
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic("the first argument is a number")
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(stacker(count, len(os.Args) > 2))
}
