package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const dialAgainAfter = 10 * time.Millisecond

type options struct {
	endpoint   string
	bucket     string
	versioned  bool
	clients    int
	operations int64
	keys       int
	perKey     int64
	progress   int64
	seed       uint64
}

// run is what the clients share.
type run struct {
	options
	address string
	history *historyWriter
	begin   time.Time
	begun   atomic.Int64 // operations
	ended   atomic.Int64
	keys    keys
	failure atomic.Pointer[error]
}

func (r *run) fail(err error) { r.failure.CompareAndSwap(nil, &err) }

func parseOptions(arguments []string) (options, string) {
	var o options
	flags := flag.NewFlagSet("record", flag.ExitOnError)
	flags.StringVar(&o.endpoint, "endpoint", "", "http://HOST:PORT; the keys are in AWS_ACCESS_KEY_ID and so on")
	flags.StringVar(&o.bucket, "bucket", "", "a bucket that is there")
	flags.BoolVar(&o.versioned, "versioned", false, "the bucket keeps versions")
	flags.IntVar(&o.clients, "clients", 12, "how many race")
	flags.Int64Var(&o.operations, "operations", 10_000, "how many are recorded")
	flags.IntVar(&o.keys, "keys", 5, "on how many keys at a time")
	flags.Int64Var(&o.perKey, "per-key", 500, "operations on a key, about, before others take their places")
	flags.Int64Var(&o.progress, "progress", 0, "print the count after so many operations")
	flags.Uint64Var(&o.seed, "seed", 1, "of what the clients choose")
	flags.Parse(arguments)
	return o, flags.Arg(0)
}

// record lets clients race, and writes what they were told. They try nothing again.
func record(arguments []string) error {
	o, path := parseOptions(arguments)
	endpoint, err := url.Parse(o.endpoint)
	if err != nil {
		return err
	}
	history, err := createHistory(path, header{Versioned: o.versioned, Seed: o.seed})
	if err != nil {
		return err
	}
	r := &run{options: o, address: endpoint.Host, history: history, begin: time.Now(),
		keys: keys{seen: map[string]string{}, uploads: map[string][]upload{}}}
	var clients sync.WaitGroup
	for number := range o.clients {
		clients.Add(1)
		go func() {
			defer clients.Done()
			newClient(r, number).race()
		}()
	}
	clients.Wait()
	if err := r.failure.Load(); err != nil {
		return *err
	}
	fmt.Printf("%d operations in %.1f s\n", r.ended.Load(), time.Since(r.begin).Seconds())
	return history.close()
}

// next says on which handful of keys the next operation is; false when there are enough.
func (r *run) next() (generation int64, more bool) {
	number := r.begun.Add(1) - 1
	return number / (r.perKey * int64(r.options.keys)), number < r.operations && r.failure.Load() == nil
}

func (r *run) end(op operation) {
	if err := r.history.add(op); err != nil {
		r.fail(err)
	}
	if ended := r.ended.Add(1); r.progress > 0 && ended%r.progress == 0 {
		fmt.Println(ended)
	}
}

// outcomeOf is what an answer says about the operation; an error where no answer of the kind is right.
func outcomeOf(got answer, err error) (string, error) {
	switch code := got.document.Code; {
	case err != nil:
		return unknown, nil
	case got.status == 412 || code == "PreconditionFailed":
		return preconditionFailed, nil
	case code == "NoSuchUpload":
		return noSuchUpload, nil
	case got.status == 404 && (code == "NoSuchKey" || len(got.body) == 0):
		return noSuchKey, nil
	case got.status == 409 || code == "SlowDown":
		return refused, nil
	case got.status >= 500 || code == "InternalError":
		return unknown, nil
	case got.status < 300 && code == "":
		return done, nil
	}
	return "", fmt.Errorf("an answer that nobody expected: %d %s", got.status, got.body)
}

func isNotSent(err error) bool { return errors.Is(err, errNotSent) }
