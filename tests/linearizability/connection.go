package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"
)

// What the server did not get to see: there was nobody to send it to.
var errNotSent = errors.New("not sent")

const answerWithin = time.Minute

// connection sends one request at a time and never sends one twice, which net/http's own client would.
type connection struct {
	address string
	signer  signer
	stream  net.Conn
	reader  *bufio.Reader
}

type request struct {
	method  string
	path    string
	query   url.Values
	headers map[string]string
	body    []byte
}

type answer struct {
	status int
	etag   string // without quotes
	body   []byte
	// Of an XML body, whichever it is.
	document struct {
		Code     string
		ETag     string
		UploadID string `xml:"UploadId"`
	}
}

func (c *connection) exchange(r request) (answer, error) {
	if c.stream == nil {
		stream, err := net.Dial("tcp", c.address)
		if err != nil {
			return answer{}, errNotSent
		}
		c.stream, c.reader = stream, bufio.NewReader(stream)
	}
	got, stays, err := c.send(r)
	if err != nil || !stays {
		c.stream.Close()
		c.stream = nil
	}
	return got, err
}

func (c *connection) send(r request) (answer, bool, error) {
	message, err := http.NewRequest(r.method, "http://"+c.address+r.path, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, false, err
	}
	message.URL.RawQuery = canonicalQuery(r.query)
	for name, value := range r.headers {
		message.Header.Set(name, value)
	}
	c.signer.sign(message, r.body)
	c.stream.SetDeadline(time.Now().Add(answerWithin))
	if err := message.Write(c.stream); err != nil {
		return answer{}, false, err
	}
	response, err := http.ReadResponse(c.reader, message)
	if err != nil {
		return answer{}, false, err
	}
	defer response.Body.Close()
	got := answer{status: response.StatusCode, etag: strings.Trim(response.Header.Get("ETag"), `"`)}
	if got.body, err = io.ReadAll(response.Body); err != nil {
		return answer{}, false, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(got.body), []byte("<?xml")) {
		if err := xml.Unmarshal(got.body, &got.document); err != nil {
			return answer{}, false, err
		}
	}
	return got, !response.Close, nil
}

// signer is Signature Version 4.
type signer struct {
	keyID, secret string
	day           string
	key           []byte // of that day
}

func newSigner() signer {
	return signer{keyID: os.Getenv("AWS_ACCESS_KEY_ID"), secret: os.Getenv("AWS_SECRET_ACCESS_KEY")}
}

func digest(bytes []byte) string {
	sum := sha256.Sum256(bytes)
	return hex.EncodeToString(sum[:])
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func canonicalQuery(query url.Values) string {
	return strings.ReplaceAll(query.Encode(), "+", "%20")
}

func (s *signer) sign(message *http.Request, body []byte) {
	now := time.Now().UTC().Format("20060102T150405Z")
	const scope = "/us-east-1/s3/aws4_request"
	if day := now[:8]; s.day != day {
		s.day = day
		s.key = keyed(keyed(keyed(keyed([]byte("AWS4"+s.secret), day), "us-east-1"), "s3"), "aws4_request")
	}
	message.Header.Set("X-Amz-Date", now)
	message.Header.Set("X-Amz-Content-Sha256", digest(body))
	lines := []string{"host:" + message.URL.Host}
	for name := range message.Header {
		lines = append(lines, strings.ToLower(name)+":"+message.Header.Get(name))
	}
	sort.Strings(lines)
	var names []string
	for _, line := range lines {
		names = append(names, line[:strings.Index(line, ":")])
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{message.Method, message.URL.EscapedPath(), message.URL.RawQuery,
		strings.Join(lines, "\n") + "\n", signed, digest(body)}, "\n")
	text := "AWS4-HMAC-SHA256\n" + now + "\n" + s.day + scope + "\n" + digest([]byte(canonical))
	message.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.keyID+"/"+s.day+scope+
		",SignedHeaders="+signed+",Signature="+hex.EncodeToString(keyed(s.key, text)))
}
