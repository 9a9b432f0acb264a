// SPDX-License-Identifier: MIT

// libsigner: a library written in Go, called from other languages. It has no bug. Its runtime takes the signal handlers.
package main

import "C"

//export sign
func sign(value uint64) uint64 {
	return value*0x9e3779b97f4a7c15 ^ 0x5bd1e995
}

func main() {}
