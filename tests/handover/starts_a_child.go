// At the end of its input starts the program that its arguments name, says which PID that has, and ends. Go's runtime starts it
// by system calls, with the environment that this program was given, and ends by one.
package main

// #include <stdlib.h>
import "C"

import (
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	io.ReadAll(os.Stdin)
	child := exec.Command(os.Args[1], os.Args[2:]...)
	child.Stdout = os.Stdout
	if err := child.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("child", child.Process.Pid)
	os.Exit(int(C.abs(-3)))
}
