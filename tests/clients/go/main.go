// Every kind of request that a Go program makes of a model store, through the AWS SDK for Go v2, unchanged:
// main BUCKET FILE. Endpoint, keys and CA bundle come from the environment, as AWS documents them.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const partBytes = 5 << 20

func check(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func uploadAndDownload(ctx context.Context, client *s3.Client, bucket string, content []byte) {
	uploader := manager.NewUploader(client, func(u *manager.Uploader) { u.PartSize = partBytes })
	_, err := uploader.Upload(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("go/model.bin"), Body: bytes.NewReader(content),
		Metadata: map[string]string{"framework": "go"},
	})
	check(err, "upload")
	buffer := manager.NewWriteAtBuffer(nil)
	downloader := manager.NewDownloader(client, func(d *manager.Downloader) { d.PartSize = partBytes })
	_, err = downloader.Download(ctx, buffer, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("go/model.bin")})
	check(err, "download")
	if sha256.Sum256(buffer.Bytes()) != sha256.Sum256(content) {
		log.Fatal("download: the bytes differ")
	}
	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("go/model.bin")})
	check(err, "head")
	if *head.ContentLength != int64(len(content)) || head.Metadata["framework"] != "go" {
		log.Fatalf("head: %d bytes, metadata %v", *head.ContentLength, head.Metadata)
	}
}

// A reader that cannot seek makes the SDK send aws-chunked with a trailing checksum over TLS.
func putStream(ctx context.Context, client *s3.Client, bucket string, content []byte) {
	size := int64(1 << 20)
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("go/stream"), Body: bytes.NewReader(content[:size]), ContentLength: &size,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
	})
	check(err, "put with CRC64NVME")
	got, err := client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &bucket, Key: aws.String("go/stream"), ChecksumMode: types.ChecksumModeEnabled,
	})
	check(err, "get")
	body, err := io.ReadAll(got.Body)
	check(err, "read")
	if !bytes.Equal(body, content[:size]) || got.ChecksumCRC64NVME == nil {
		log.Fatal("get: other bytes, or no checksum")
	}
}

func listCopyDelete(ctx context.Context, client *s3.Client, bucket string) {
	_, err := client.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &bucket, Key: aws.String("go/copy of it"), CopySource: aws.String(bucket + "/go/model.bin"),
	})
	check(err, "copy")
	keys := []string{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{
		Bucket: &bucket, Prefix: aws.String("go/"), MaxKeys: aws.Int32(1),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		check(err, "list")
		for _, object := range page.Contents {
			keys = append(keys, *object.Key)
		}
	}
	if fmt.Sprint(keys) != "[go/copy of it go/model.bin go/stream]" {
		log.Fatalf("list: %q", keys)
	}
	doomed := []types.ObjectIdentifier{}
	for _, key := range keys {
		doomed = append(doomed, types.ObjectIdentifier{Key: aws.String(key)})
	}
	deleted, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &bucket, Delete: &types.Delete{Objects: doomed},
	})
	check(err, "delete")
	if len(deleted.Deleted) != len(keys) || len(deleted.Errors) != 0 {
		log.Fatalf("delete: %+v", deleted)
	}
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("go/stream")})
	var missing *types.NoSuchKey
	if !errors.As(err, &missing) {
		log.Fatalf("get of a deleted key: %v", err)
	}
}

func presign(ctx context.Context, client *s3.Client, http *http.Client, bucket string) {
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("presigned"), Body: bytes.NewReader([]byte("by address")),
	})
	check(err, "put")
	request, err := s3.NewPresignClient(client).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &bucket, Key: aws.String("presigned"),
	})
	check(err, "presign")
	reply, err := http.Get(request.URL)
	check(err, "get by address")
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	check(err, "read by address")
	if string(body) != "by address" {
		log.Fatalf("get by address: %d %s", reply.StatusCode, body)
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: main BUCKET FILE")
	}
	bucket := os.Args[1]
	content, err := os.ReadFile(os.Args[2])
	check(err, "file")
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	check(err, "config")
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	check(err, "create bucket")
	uploadAndDownload(ctx, client, bucket, content)
	putStream(ctx, client, bucket, content)
	listCopyDelete(ctx, client, bucket)
	presign(ctx, client, trustingClient(), bucket)
	fmt.Println("go: ok")
}
