// SPDX-License-Identifier: MIT

// main calls outer calls inner, which uses a nil pointer; aside has returned long before.
package main

import (
	"bufio"
	"fmt"
	"os"
)

type example struct {
	id int
}

var nothing *example

func aside(number int) int {
	return number * 3
}

func inner(number int) int {
	return nothing.id + number
}

func outer(number int) int {
	return inner(number) + 1
}

func main() {
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(aside(2))
	fmt.Println(outer(1))
}
