// Relays lines between clients.
package main

import (
	"fmt"
	"os"
	"unsafe"
)

type client struct {
	name  string
	queue []string
	peer  *client
}

//go:noinline
func window(c *client, from, to int) []string { return c.queue[from:to] }

//go:noinline
func patch(s string) {
	type header struct {
		data *byte
		size int
	}
	*(*header)(unsafe.Pointer(&s)).data = 'X'
}

//go:noinline
func peerName(c *client) string { return c.peer.name + "!" }

func main() {
	c := &client{name: "a", queue: []string{"one", "two"}}
	fmt.Println(window(c, 0, 1))
	switch os.Args[1] {
	case "window":
		fmt.Println(window(c, 1, len(os.Args)+4))
	case "patch":
		patch("constant")
	case "peer":
		fmt.Println(peerName(c))
	case "chan":
		var done chan int
		close(done)
	}
}
