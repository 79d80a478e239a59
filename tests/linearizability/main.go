// Records what racing clients of an S3 endpoint were told, and judges whether all of it can be true of one object at a
// time: `record` writes a history, `check` reads it.
package main

import (
	"fmt"
	"os"
)

const (
	exitRejected  = 1
	exitUndecided = 2
	exitBroken    = 3
)

func main() {
	commands := map[string]func([]string) error{"record": record, "check": check}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: linearizability record|check [OPTIONS] HISTORY")
		os.Exit(exitBroken)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "linearizability:", err)
		os.Exit(exitBroken)
	}
}
