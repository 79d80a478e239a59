package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// The first line of a history.
type header struct {
	Versioned bool   `json:"versioned"` // DELETE leaves a delete marker
	Seed      uint64 `json:"seed"`
}

// What was called.
const (
	opGet      = "get"
	opHead     = "head"
	opPut      = "put"
	opDelete   = "delete"
	opComplete = "complete"
)

// Conditions.
const (
	ifAbsent = "absent" // If-None-Match: *
	ifMatch  = "match"  // If-Match: the ETag in `match`
)

// How it went.
const (
	done               = "done"
	preconditionFailed = "precondition_failed"
	noSuchKey          = "no_such_key"
	noSuchUpload       = "no_such_upload"
	refused            = "refused" // SlowDown or a conflict: without effect
	unknown            = "unknown" // no answer, or one that does not tell
)

// Every other line: one operation. Values are named by their ETags, since no two writes have the same body.
type operation struct {
	Client    int    `json:"client"`
	Key       string `json:"key"`
	Op        string `json:"op"`
	Condition string `json:"condition,omitempty"`
	Match     string `json:"match,omitempty"`
	Writes    string `json:"writes,omitempty"` // the ETag of what it writes
	Upload    string `json:"upload,omitempty"`
	Call      int64  `json:"call"`   // ns
	Return    int64  `json:"return"` // ns; meaningless where the outcome is unknown
	Outcome   string `json:"outcome"`
	ETag      string `json:"etag,omitempty"` // in the answer
}

// historyWriter is safe from any goroutine.
type historyWriter struct {
	mutex   sync.Mutex
	file    *os.File
	buffer  *bufio.Writer
	encoder *json.Encoder
}

func createHistory(path string, head header) (*historyWriter, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	buffer := bufio.NewWriter(file)
	writer := &historyWriter{file: file, buffer: buffer, encoder: json.NewEncoder(buffer)}
	return writer, writer.encoder.Encode(head)
}

func (w *historyWriter) add(op operation) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.encoder.Encode(op)
}

func (w *historyWriter) close() error {
	if err := w.buffer.Flush(); err != nil {
		return err
	}
	return w.file.Close()
}

// readHistory gives each key's operations, and the keys in the order in which they come up.
func readHistory(path string) (header, []string, map[string][]operation, error) {
	var head header
	file, err := os.Open(path)
	if err != nil {
		return head, nil, nil, err
	}
	defer file.Close()
	decoder := json.NewDecoder(bufio.NewReader(file))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&head); err != nil {
		return head, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	var keys []string
	byKey := map[string][]operation{}
	for {
		var op operation
		if err := decoder.Decode(&op); err == io.EOF {
			return head, keys, byKey, nil
		} else if err != nil {
			return head, nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		if byKey[op.Key] == nil {
			keys = append(keys, op.Key)
		}
		byKey[op.Key] = append(byKey[op.Key], op)
	}
}
