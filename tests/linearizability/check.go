package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/anishathalye/porcupine"
)

// check prints a verdict for each key that is not linearizable (all with -v), and a line about all of them.
func check(arguments []string) error {
	flags := flag.NewFlagSet("check", flag.ExitOnError)
	pictures := flags.String("pictures", ".", "the folder for porcupine's pictures of rejected keys")
	limit := flags.Duration("limit", 5*time.Minute, "the longest that one key may take")
	verbose := flags.Bool("v", false, "print the verdict of every key")
	flags.Parse(arguments)
	head, keys, byKey, err := readHistory(flags.Arg(0))
	if err != nil {
		return err
	}
	rules := model(head.Versioned)
	begin := time.Now()
	var operations, open, rejected, undecided int
	for _, key := range keys {
		steps := toSteps(byKey[key])
		history := toHistory(steps)
		openHere := 0
		for _, s := range steps {
			if s.open() {
				openHere++
			}
		}
		operations += len(steps)
		open += openHere
		verdict := porcupine.CheckOperationsTimeout(rules, history, *limit)
		switch verdict {
		case porcupine.Illegal:
			rejected++
		case porcupine.Unknown:
			undecided++
		}
		if *verbose || verdict != porcupine.Ok {
			fmt.Printf("%s: %d operations, %d without an answer: %s\n", key, len(steps), openHere, inWords(verdict))
		}
		if verdict == porcupine.Illegal {
			if err := show(rules, history, filepath.Join(*pictures, key+".html")); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d keys, %d operations, %d without an answer: %d keys rejected, %d undecided, after %.1f s\n",
		len(keys), operations, open, rejected, undecided, time.Since(begin).Seconds())
	if rejected > 0 {
		os.Exit(exitRejected)
	}
	if undecided > 0 {
		os.Exit(exitUndecided)
	}
	return nil
}

func inWords(verdict porcupine.CheckResult) string {
	return map[porcupine.CheckResult]string{
		porcupine.Ok:      "linearizable",
		porcupine.Illegal: "NOT linearizable",
		porcupine.Unknown: "undecided",
	}[verdict]
}

// show draws a rejected key's history, and prints where the longest explanation of it ends.
func show(rules porcupine.Model, history []porcupine.Operation, path string) error {
	const longEnough = time.Minute
	_, info := porcupine.CheckOperationsVerbose(rules, history, longEnough)
	if err := porcupine.VisualizePath(rules, info, path); err != nil {
		return err
	}
	var longest []porcupine.Operation
	for _, explained := range info.PartialLinearizationsOperations()[0] {
		if len(explained) > len(longest) {
			longest = explained
		}
	}
	fits := map[step]bool{}
	for _, op := range longest {
		fits[op.Input.(step)] = true
	}
	for _, op := range longest[max(0, len(longest)-3):] {
		fmt.Printf("    %s\n", describe(op))
	}
	var next *porcupine.Operation
	for i, op := range history {
		if !fits[op.Input.(step)] && (next == nil || op.Return < next.Return) {
			next = &history[i]
		}
	}
	if next != nil {
		fmt.Printf("    then nothing allows %s\n", describe(*next))
	}
	fmt.Printf("    %s\n", path)
	return nil
}

func describe(op porcupine.Operation) string {
	return fmt.Sprintf("client %d [%d, %d] ns: %s", op.ClientId, op.Call, op.Return, op.Input)
}
