// SPDX-License-Identifier: MIT
// A kiosk: papers, customers and what goes wrong between them.
package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

type paper struct {
	title string
	pages int
	owner *customer
}

type customer struct {
	name  string
	debts []int
}

type shortage struct{ missing int }

func (s shortage) Error() string { return fmt.Sprintf("%d papers short", s.missing) }

//go:noinline
func (p *paper) buyer() string { return p.owner.name }

//go:noinline
func debt(c *customer, at int) int { return c.debts[at] }

//go:noinline
func restock(missing int) { panic(shortage{missing}) }

//go:noinline
func careful(c *customer) (sum int) {
	defer func() {
		if r := recover(); r != nil {
			sum = -1
		}
	}()
	return debt(c, 9)
}

func main() {
	p := &paper{title: "Morning", pages: 40}
	c := &customer{name: "Lin", debts: []int{3, 4}}
	fmt.Println(debt(c, 1), careful(c))
	switch os.Args[1] {
	case "nobody":
		fmt.Println(p.buyer())
	case "nobody-aside":
		go func() { fmt.Println(p.buyer()) }()
		time.Sleep(5 * time.Second)
	case "debts":
		fmt.Println(debt(c, 2))
	case "words":
		panic("kiosk: closed for " + p.title)
	case "error":
		panic(errors.New("kiosk: no change left"))
	case "shortage":
		restock(12)
	case "recovered":
		fmt.Println(careful(c))
		syscall.Kill(syscall.Getpid(), syscall.SIGABRT)
		time.Sleep(5 * time.Second)
	case "number":
		panic(4711)
	}
}
