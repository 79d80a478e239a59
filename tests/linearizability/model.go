package main

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// One key's object as a sequential program. A value is a number; these two are none.
const (
	never   = 0 // no object and no version
	marker  = 1 // a delete marker
	objects = 2 // the first that is an object
)

type state struct {
	value int
	// The uploads completed so far, as numbers of two bytes, of those whose Complete the history repeats.
	completed string
}

// step is an operation as the model takes it. One without an answer fits everywhere: it has its effect if the moment
// lets it, and at the end of the history nobody sees whether it had.
type step struct {
	operation
	match, writes, seen int
	upload              string // two bytes; empty where only one Complete names it
}

func (s step) open() bool { return s.Outcome == unknown }

// judge is what a write's condition says.
func (s step) judge(value int) string {
	switch {
	case s.Condition == ifAbsent && value >= objects:
		return preconditionFailed
	case s.Condition == ifMatch && value < objects:
		return noSuchKey
	case s.Condition == ifMatch && value != s.match:
		return preconditionFailed
	}
	return done
}

func (s step) write(before state) (string, state) {
	verdict := s.judge(before.value)
	if verdict != done {
		return verdict, before
	}
	return done, state{s.writes, before.completed}
}

func (s step) complete(before state) (string, state) {
	if s.upload != "" && contains(before.completed, s.upload) {
		// Sent again, it is answered again while its object is there, whatever the condition.
		if before.value == s.writes {
			return done, before
		}
		return noSuchUpload, before
	}
	verdict, after := s.write(before)
	if verdict == done {
		after.completed = with(after.completed, s.upload)
	}
	return verdict, after
}

func (s step) remove(before state, versioned bool) (string, state) {
	if s.Condition == ifMatch {
		if before.value == never {
			return done, before
		}
		if before.value != s.match {
			return preconditionFailed, before
		}
	}
	after := state{never, before.completed}
	if versioned {
		after.value = marker
	}
	return done, after
}

// apply says whether the step can happen next, and what is then.
func (s step) apply(before state, versioned bool) (bool, state) {
	var verdict string
	var after state
	switch s.Op {
	case opGet, opHead:
		if s.Outcome == noSuchKey {
			return before.value < objects, before
		}
		return s.Outcome == done && before.value == s.seen, before
	case opPut:
		verdict, after = s.write(before)
	case opComplete:
		verdict, after = s.complete(before)
	case opDelete:
		verdict, after = s.remove(before, versioned)
	default:
		return false, before
	}
	if s.open() {
		return true, after
	}
	if s.Outcome == done && s.seen != s.writes {
		return false, before
	}
	return s.Outcome == verdict, after
}

func contains(completed, upload string) bool {
	for at := 0; at < len(completed); at += len(upload) {
		if completed[at:at+len(upload)] == upload {
			return true
		}
	}
	return false
}

// with keeps the numbers in order, so that equal sets are equal strings.
func with(completed, upload string) string {
	at := 0
	for at < len(completed) && completed[at:at+len(upload)] < upload {
		at += len(upload)
	}
	return completed[:at] + upload + completed[at:]
}

// toSteps numbers values and uploads, and leaves out what tells nothing: reads without an answer, and what was refused.
func toSteps(operations []operation) []step {
	values := map[string]int{}
	number := func(etag string) int {
		if etag == "" {
			return never
		}
		if _, there := values[etag]; !there {
			values[etag] = objects + len(values)
		}
		return values[etag]
	}
	completes := map[string]int{}
	for _, op := range operations {
		completes[op.Upload]++
	}
	uploads := map[string]string{}
	var steps []step
	for _, op := range operations {
		reads := op.Op == opGet || op.Op == opHead
		if op.Outcome == refused || (reads && op.Outcome == unknown) {
			continue
		}
		s := step{operation: op, match: number(op.Match), writes: number(op.Writes), seen: number(op.ETag)}
		if op.Upload != "" && completes[op.Upload] > 1 {
			if uploads[op.Upload] == "" {
				uploads[op.Upload] = string(binary.BigEndian.AppendUint16(nil, uint16(len(uploads))))
			}
			s.upload = uploads[op.Upload]
		}
		steps = append(steps, s)
	}
	return steps
}

// toHistory lets what has no answer end after everything else.
func toHistory(steps []step) []porcupine.Operation {
	var last int64
	for _, s := range steps {
		last = max(last, s.Call, s.Return)
	}
	history := make([]porcupine.Operation, 0, len(steps))
	for _, s := range steps {
		end := s.Return
		if s.open() {
			end = last + 1
		}
		history = append(history, porcupine.Operation{ClientId: s.Client, Input: s, Call: s.Call, Return: end})
	}
	return history
}

func model(versioned bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(before, input, _ any) (bool, any) {
			return input.(step).apply(before.(state), versioned)
		},
		DescribeOperation: func(input, _ any) string { return input.(step).String() },
		DescribeState: func(now any) string {
			switch value := now.(state).value; value {
			case never:
				return "none"
			case marker:
				return "delete marker"
			default:
				return fmt.Sprintf("object %d", value)
			}
		},
	}
}

func (s step) String() string {
	var words []string
	add := func(what string, value int) {
		if value != never {
			words = append(words, fmt.Sprintf("%s %d", what, value))
		}
	}
	words = append(words, s.Op)
	if s.Condition == ifAbsent {
		words = append(words, "if absent")
	}
	add("if", s.match)
	add("writes", s.writes)
	if s.upload != "" {
		words = append(words, fmt.Sprintf("upload %d", binary.BigEndian.Uint16([]byte(s.upload))))
	}
	words = append(words, "->", s.Outcome)
	if s.Op == opGet || s.Op == opHead {
		add("object", s.seen)
	}
	return strings.Join(words, " ")
}
