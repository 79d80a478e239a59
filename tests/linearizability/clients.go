package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"
)

// keys is what clients tell each other, so that their conditions often hold and their Completes meet.
type keys struct {
	mutex   sync.Mutex
	seen    map[string]string   // the latest ETag that somebody was told of
	uploads map[string][]upload // that others may complete too
}

type upload struct {
	id     string
	writes string // the object's ETag
	part   string // the part's
}

func (k *keys) etag(key string) string {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.seen[key]
}

func (k *keys) see(key, etag string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.seen[key] = etag
}

func (k *keys) share(key string, u upload) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.uploads[key] = append(k.uploads[key], u)
}

func (k *keys) take(key string) (upload, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	waiting := k.uploads[key]
	if len(waiting) == 0 {
		return upload{}, false
	}
	k.uploads[key] = waiting[1:]
	return waiting[0], true
}

// client is one of those that race; of one goroutine.
type client struct {
	*run
	number     int
	random     *rand.Rand
	connection connection
	bodies     int
	again      *attempt // a Complete that had no answer
}

type attempt struct {
	operation
	body   []byte
	upload upload
}

func newClient(r *run, number int) *client {
	return &client{run: r, number: number, random: rand.New(rand.NewPCG(r.seed, uint64(number))),
		connection: connection{address: r.address, signer: newSigner()}}
}

func (c *client) race() {
	for {
		generation, more := c.next()
		if !more {
			return
		}
		a := c.choose(fmt.Sprintf("%d-%d", generation, c.random.IntN(c.options.keys)))
		c.perform(&a)
		c.learn(a)
		c.end(a.operation)
	}
}

func (c *client) chance(percent int) bool { return c.random.IntN(100) < percent }

// newBody is like no other: 100 bytes, which Weir keeps in a row, or 20 kB, which become a blob.
func (c *client) newBody() []byte {
	c.bodies++
	size := 100
	if c.chance(25) {
		size = 20_000
	}
	text := fmt.Sprintf("%d of client %d, seed %d\n", c.bodies, c.number, c.seed)
	return []byte(text + strings.Repeat("w", size-len(text)))
}

func etagOf(body []byte) string {
	sum := md5.Sum(body)
	return hex.EncodeToString(sum[:])
}

// multipartETag is that of an object of one part.
func multipartETag(body []byte) string {
	part := md5.Sum(body)
	return etagOf(part[:]) + "-1"
}

func (c *client) choose(key string) attempt {
	if c.again != nil {
		a := *c.again
		c.again = nil
		return a
	}
	a := attempt{operation: operation{Client: c.number, Key: key}}
	switch dice := c.random.IntN(100); {
	case dice < 20:
		a.Op = opGet
	case dice < 28:
		a.Op = opHead
	case dice < 70:
		a.Op = opPut
		a.body = c.newBody()
		a.Writes = etagOf(a.body)
		c.chooseCondition(&a, 30)
	case dice < 85:
		a.Op = opDelete
		c.chooseCondition(&a, 0)
	default:
		a.Op = opComplete
		a.upload = c.chooseUpload(key)
		a.Upload, a.Writes = a.upload.id, a.upload.writes
		c.chooseCondition(&a, 30)
	}
	return a
}

func (c *client) chooseCondition(a *attempt, absentPercent int) {
	if c.chance(absentPercent) {
		a.Condition = ifAbsent
	} else if etag := c.keys.etag(a.Key); etag != "" && c.chance(60) {
		a.Condition, a.Match = ifMatch, etag
	}
}

// chooseUpload makes one, or takes one that somebody else completes too.
func (c *client) chooseUpload(key string) upload {
	if c.chance(50) {
		if shared, there := c.keys.take(key); there {
			return shared
		}
	}
	made := c.newUpload(key)
	for range c.random.IntN(3) {
		c.keys.share(key, made)
	}
	return made
}

// newUpload is no part of the history: it goes on until there is one, or the run has failed.
func (c *client) newUpload(key string) upload {
	for c.failure.Load() == nil {
		body := c.newBody()
		created := c.prepare(request{method: "POST", path: c.path(key), query: url.Values{"uploads": {""}}})
		if created == nil {
			continue
		}
		id := created.document.UploadID
		query := url.Values{"uploadId": {id}, "partNumber": {"1"}}
		if part := c.prepare(request{method: "PUT", path: c.path(key), query: query, body: body}); part != nil {
			return upload{id: id, writes: multipartETag(body), part: part.etag}
		}
	}
	return upload{}
}

func (c *client) prepare(r request) *answer {
	got, err := c.connection.exchange(r)
	outcome, unexpected := outcomeOf(got, err)
	if unexpected != nil {
		c.fail(unexpected)
	}
	if outcome == done {
		return &got
	}
	time.Sleep(dialAgainAfter)
	return nil
}

func (c *client) path(key string) string { return "/" + c.bucket + "/" + key }

func (c *client) toRequest(a attempt) request {
	r := request{path: c.path(a.Key), body: a.body, headers: map[string]string{}}
	switch a.Op {
	case opGet, opHead, opPut, opDelete:
		r.method = strings.ToUpper(a.Op)
	case opComplete:
		r.method = "POST"
		r.query = url.Values{"uploadId": {a.Upload}}
		r.body = fmt.Appendf(nil, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part>"+
			"</CompleteMultipartUpload>", a.upload.part)
	}
	switch a.Condition {
	case ifAbsent:
		r.headers["If-None-Match"] = "*"
	case ifMatch:
		r.headers["If-Match"] = `"` + a.Match + `"`
	}
	return r
}

// perform fills in the times and the outcome. What nobody was there for has not been called yet.
func (c *client) perform(a *attempt) {
	r := c.toRequest(*a)
	for {
		a.Call = time.Since(c.begin).Nanoseconds()
		got, err := c.connection.exchange(r)
		a.Return = time.Since(c.begin).Nanoseconds()
		if isNotSent(err) && c.failure.Load() == nil {
			time.Sleep(dialAgainAfter)
			continue
		}
		outcome, unexpected := outcomeOf(got, err)
		if unexpected != nil {
			c.fail(fmt.Errorf("%s %s: %w", a.Op, a.Key, unexpected))
		}
		a.Outcome, a.ETag = outcome, ""
		if outcome == done {
			a.ETag = told(a.Op, got)
		}
		return
	}
}

// told is the ETag of an answer; that of a GET must be of the bytes that came with it.
func told(op string, got answer) string {
	switch {
	case op == opComplete:
		return strings.Trim(got.document.ETag, `"`)
	case op == opGet && got.etag != etagOf(got.body) && got.etag != multipartETag(got.body):
		return got.etag + " with other bytes"
	}
	return got.etag
}

func (c *client) learn(a attempt) {
	if a.Outcome == done && a.Op != opDelete {
		c.keys.see(a.Key, a.ETag)
	}
	// Whoever does not know sends it again, and sometimes one who does.
	if a.Op == opComplete && (a.Outcome == unknown || (a.Outcome == done && c.chance(20))) {
		c.again = &a
	}
}
