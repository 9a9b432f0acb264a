// A message broker in miniature. The argument says what goes wrong.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type topic struct {
	name        string
	subscribers map[string]chan string
	next        *topic
	limits      [4]int
}

type broker struct {
	mutex  sync.Mutex
	topics map[string]*topic
	count  int
}

type sink interface{ put(string) error }

type full struct{}

func (full) put(string) error { return errors.New("full") }

//go:noinline
func (b *broker) find(name string) *topic {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.topics[name]
}

//go:noinline
func (b *broker) publish(name, text string) int {
	t := b.find(name)
	sent := 0
	for _, channel := range t.subscribers {
		select {
		case channel <- text:
			sent++
		default:
		}
	}
	return sent
}

//go:noinline
func limitOf(t *topic, level int) int { return t.limits[level] }

//go:noinline
func subscribe(t *topic, who string) { t.subscribers[who] = make(chan string, 4) }

//go:noinline
func depth(t *topic, n int) int {
	var pad [64]int
	pad[n%64] = n
	return depth(t.next, n+1) + pad[(n+1)%64]
}

//go:noinline
func ratio(a, b int) int { return a / b }

//go:noinline
func peek(address uintptr) byte { return *(*byte)(unsafe.Pointer(address)) }

func main() {
	b := &broker{topics: map[string]*topic{}}
	t := &topic{name: "news", subscribers: map[string]chan string{}}
	t.next = t
	b.topics["news"] = t
	subscribe(t, "a")
	fmt.Println(b.publish("news", "hello"), limitOf(t, len(os.Args)))
	switch os.Args[1] {
	case "nil":
		fmt.Println(b.publish("weather", "rain"))
	case "nil-thread":
		done := make(chan int)
		go func() { done <- b.publish("weather", "rain") }()
		fmt.Println(<-done)
	case "nil-map":
		subscribe(&topic{name: "late"}, "b")
	case "index":
		fmt.Println(limitOf(t, len(os.Args)+5))
	case "deadlock":
		b.mutex.Lock()
		b.find("news")
	case "recursion":
		debug.SetMaxStack(4 << 20)
		fmt.Println(depth(t, 1))
	case "divide":
		fmt.Println(ratio(10, len(os.Args)-2))
	case "panic":
		panic(fmt.Errorf("broker: %d messages lost", 17))
	case "cast":
		var s interface{} = full{}
		fmt.Println(s.(fmt.Stringer).String())
	case "wild":
		fmt.Println(peek(0x6b3f00001230))
	case "quit":
		syscall.Kill(syscall.Getpid(), syscall.SIGQUIT)
		time.Sleep(time.Second)
	case "closed":
		channel := make(chan string)
		close(channel)
		close(channel)
	case "maps":
		shared := map[int]int{}
		for i := 0; i < 4; i++ {
			go func() {
				for n := 0; ; n++ {
					shared[n%100] = n
				}
			}()
		}
		time.Sleep(10 * time.Second)
	}
}
