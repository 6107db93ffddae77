// Command app is the application of the tests: what it does is switched by the files of the folder /ctl, which the test writes.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	verb := "serve"
	if len(os.Args) > 1 {
		verb = os.Args[1]
	}
	switch verb {
	case "serve":
		serve()
	case "check": // the healthcheck
		if word := ctl("health"); word != "" {
			fmt.Println("not well:", word)
			os.Exit(1)
		}
		fmt.Println("well")
	case "copy": // standard input to output, its size to the other
		n, err := io.Copy(os.Stdout, os.Stdin)
		fmt.Fprintln(os.Stderr, n, err)
	case "sum":
		h := sha256.New()
		_, _ = io.Copy(h, os.Stdin)
		fmt.Printf("%x\n", h.Sum(nil))
	case "exit":
		code, _ := strconv.Atoi(os.Args[2])
		fmt.Fprintln(os.Stderr, "ends with", code)
		os.Exit(code)
	case "hang": // beats as long as it lives; deaf to the first signal with a second word
		if len(os.Args) > 2 {
			signal.Ignore(syscall.SIGTERM)
		}
		fmt.Println("hangs")
		for i := 0; ; i++ {
			_ = os.WriteFile("/ctl/beat", []byte(strconv.Itoa(i)), 0o644)
			time.Sleep(20 * time.Millisecond)
		}
	case "give": // so many bytes to a file; without a name to standard output
		out := os.Stdout
		if os.Args[2] != "" {
			out = open(os.OpenFile(os.Args[2], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600))
		}
		n, _ := strconv.Atoi(os.Args[3])
		for i := 0; i < n; i += 1 << 16 {
			b := make([]byte, min(1<<16, n-i))
			for k := range b {
				b[k] = byte(i>>16 + k)
			}
			if _, err := out.Write(b); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	case "take": // its size and sum, of a file or of standard input
		in := os.Stdin
		if os.Args[2] != "" {
			in = open(os.Open(os.Args[2]))
		}
		h := sha256.New()
		n, err := io.Copy(h, in)
		fmt.Printf("%d %x %v\n", n, h.Sum(nil), err)
	case "refuse": // a name; does the rest without one
		if os.Args[2] != "" {
			fmt.Println("no such option")
			os.Exit(3)
		}
		os.Args = append(os.Args[:1], os.Args[3:]...)
		main()
	case "env":
		fmt.Println(os.Environ())
	case "flood":
		for {
			fmt.Println("a line of a flood that does not end")
		}
	}
}

func open(f *os.File, err error) *os.File {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return f
}

func ctl(name string) string {
	b, _ := os.ReadFile("/ctl/" + name)
	return string(b)
}

func serve() {
	fmt.Println("serve", os.Getenv("ROLE"))
	fmt.Fprintln(os.Stderr, "to the other stream")
	if code, err := strconv.Atoi(ctl("exit")); err == nil {
		fmt.Println("leaves with", code)
		os.Exit(code)
	}
	if ctl("eat") != "" {
		var eaten [][]byte
		for {
			b := make([]byte, 4<<20)
			for i := range b {
				b[i] = byte(i)
			}
			eaten = append(eaten, b)
			_ = eaten
		}
	}
	if ctl("burn") != "" {
		go func() {
			for {
			}
		}()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range stop {
			fmt.Println("got", s)
			if s == syscall.SIGTERM {
				os.Exit(0)
			}
		}
	}()
	fmt.Println(http.ListenAndServe(":8080", nil))
}
