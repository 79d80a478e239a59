// What a Go program does with a model store, through the AWS SDK for Go v2, unchanged: main BUCKET FILE. Endpoint, keys
// and CA bundle come from the environment, as AWS documents them. Prints the name of each step that went well; go/kept
// stays for others to read.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const partBytes = 5 << 20

// program is what the steps share.
type program struct {
	context context.Context
	client  *s3.Client
	web     *http.Client
	bucket  *string
	file    string
	content []byte
}

func check(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func require(condition bool, what string, values ...any) {
	if !condition {
		log.Fatalf("%s: %v", what, values)
	}
}

// read fetches a whole object, or what the input asks for of it.
func (p *program) read(input *s3.GetObjectInput) []byte {
	input.Bucket = p.bucket
	got, err := p.client.GetObject(p.context, input)
	check(err, "get "+*input.Key)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	check(err, "read "+*input.Key)
	return body
}

func (p *program) put(input *s3.PutObjectInput) *s3.PutObjectOutput {
	input.Bucket = p.bucket
	done, err := p.client.PutObject(p.context, input)
	check(err, "put "+*input.Key)
	return done
}

func (p *program) head(key string) *s3.HeadObjectOutput {
	head, err := p.client.HeadObject(p.context, &s3.HeadObjectInput{Bucket: p.bucket, Key: &key})
	check(err, "head "+key)
	return head
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: main BUCKET FILE")
	}
	content, err := os.ReadFile(os.Args[2])
	check(err, "file")
	require(len(content) > 2*partBytes, "the file is too small", len(content))
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	check(err, "config")
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = true })
	p := &program{ctx, client, trustingClient(), aws.String(os.Args[1]), os.Args[2], content}
	_, err = client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: p.bucket})
	check(err, "create bucket")
	steps := []struct {
		name string
		run  func(*program)
	}{
		{"upload", upload}, {"download", download}, {"streams", streams}, {"empty", empty}, {"ranges", ranges},
		{"checksums", checksums}, {"conditions", conditions}, {"multipart", multipart}, {"copies", copies},
		{"listing", listing}, {"addresses", addresses}, {"errors", wrongs}, {"many", many}, {"deletion", deletion},
	}
	for _, step := range steps {
		step.run(p)
		fmt.Println(step.name)
	}
}
