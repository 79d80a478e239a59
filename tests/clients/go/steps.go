package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// unseekable hides that a reader can seek, as a pipe cannot.
type unseekable struct{ io.Reader }

// status is the HTTP status and the code of an error.
func status(err error) string {
	var reply *smithyhttp.ResponseError
	var api smithy.APIError
	if !errors.As(err, &reply) || !errors.As(err, &api) {
		return fmt.Sprintf("%v", err)
	}
	return fmt.Sprintf("%d %s", reply.HTTPStatusCode(), api.ErrorCode())
}

func upload(p *program) {
	file, err := os.Open(p.file)
	check(err, "open")
	defer file.Close()
	uploader := manager.NewUploader(p.client, func(u *manager.Uploader) { u.PartSize = partBytes })
	for key, body := range map[string]io.Reader{"go/kept": file, "go/pipe": unseekable{bytes.NewReader(p.content)}} {
		done, err := uploader.Upload(p.context, &s3.PutObjectInput{
			Bucket: p.bucket, Key: &key, Body: body, Metadata: map[string]string{"framework": "go"},
		})
		check(err, "upload "+key)
		parts := (len(p.content) + partBytes - 1) / partBytes
		require(strings.HasSuffix(*done.ETag, fmt.Sprintf("-%d\"", parts)), "parts", *done.ETag)
		head := p.head(key)
		require(*head.ContentLength == int64(len(p.content)), "length", *head.ContentLength)
		require(head.Metadata["framework"] == "go", "metadata", head.Metadata)
	}
	require(bytes.Equal(p.read(&s3.GetObjectInput{Key: aws.String("go/pipe")}), p.content), "the pipe's bytes")
}

func download(p *program) {
	buffer := manager.NewWriteAtBuffer(nil)
	downloader := manager.NewDownloader(p.client, func(d *manager.Downloader) { d.PartSize = partBytes })
	_, err := downloader.Download(p.context, buffer, &s3.GetObjectInput{Bucket: p.bucket, Key: aws.String("go/kept")})
	check(err, "download")
	require(bytes.Equal(buffer.Bytes(), p.content), "the downloaded bytes")
}

// streams sends a body that cannot seek: aws-chunked with the checksum behind it, which the SDK does over TLS only.
func streams(p *program) {
	size := int64(len(p.content))
	put := &s3.PutObjectInput{Bucket: p.bucket, Key: aws.String("go/stream"), ContentLength: &size}
	if strings.HasPrefix(os.Getenv("AWS_ENDPOINT_URL"), "https:") {
		put.Body = unseekable{bytes.NewReader(p.content)}
	} else {
		put.Body = bytes.NewReader(p.content)
	}
	put.ChecksumAlgorithm = types.ChecksumAlgorithmCrc64nvme
	p.put(put)
	got, err := p.client.GetObject(p.context, &s3.GetObjectInput{
		Bucket: p.bucket, Key: aws.String("go/stream"), ChecksumMode: types.ChecksumModeEnabled,
	})
	check(err, "get")
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	check(err, "read")
	require(bytes.Equal(body, p.content), "the stream's bytes")
	require(got.ChecksumCRC64NVME != nil, "checksum")
	require(got.ContentEncoding == nil, "aws-chunked is no property of the object")
}

func empty(p *program) {
	p.put(&s3.PutObjectInput{Key: aws.String("go/empty")})
	require(len(p.read(&s3.GetObjectInput{Key: aws.String("go/empty")})) == 0, "it is not empty")
}

func ranges(p *program) {
	size := len(p.content)
	for text, limits := range map[string][2]int{
		"bytes=100-199": {100, 200}, "bytes=-7": {size - 7, size}, fmt.Sprintf("bytes=%d-", size-2): {size - 2, size},
		fmt.Sprintf("bytes=%d-%d", partBytes-3, partBytes+2): {partBytes - 3, partBytes + 3},
	} {
		body := p.read(&s3.GetObjectInput{Key: aws.String("go/kept"), Range: &text})
		require(bytes.Equal(body, p.content[limits[0]:limits[1]]), text)
	}
	second := p.read(&s3.GetObjectInput{Key: aws.String("go/kept"), PartNumber: aws.Int32(2)})
	require(bytes.Equal(second, p.content[partBytes:2*partBytes]), "part 2")
	past := fmt.Sprintf("bytes=%d-", size)
	_, err := p.client.GetObject(p.context, &s3.GetObjectInput{Bucket: p.bucket, Key: aws.String("go/kept"), Range: &past})
	require(status(err) == "416 InvalidRange", "past the end", status(err))
}

func checksums(p *program) {
	for _, algorithm := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		key := aws.String("go/checksum " + string(algorithm))
		p.put(&s3.PutObjectInput{Key: key, Body: strings.NewReader("weights"), ChecksumAlgorithm: algorithm})
		got, err := p.client.HeadObject(p.context, &s3.HeadObjectInput{
			Bucket: p.bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled,
		})
		check(err, "head")
		present := map[types.ChecksumAlgorithm]*string{"CRC32": got.ChecksumCRC32, "CRC32C": got.ChecksumCRC32C,
			"CRC64NVME": got.ChecksumCRC64NVME, "SHA1": got.ChecksumSHA1, "SHA256": got.ChecksumSHA256}
		require(present[algorithm] != nil, "no checksum", algorithm)
		_, err = p.client.DeleteObject(p.context, &s3.DeleteObjectInput{Bucket: p.bucket, Key: key})
		check(err, "delete")
	}
	_, err := p.client.PutObject(p.context, &s3.PutObjectInput{Bucket: p.bucket, Key: aws.String("go/wrong"),
		Body: strings.NewReader("x"), ChecksumSHA256: aws.String(strings.Repeat("A", 43) + "=")})
	require(status(err) == "400 BadDigest", "a wrong checksum", status(err))
}

func conditions(p *program) {
	key := aws.String("go/lock")
	attempt := func(input *s3.PutObjectInput) string {
		input.Bucket, input.Key, input.Body = p.bucket, key, strings.NewReader("later")
		_, err := p.client.PutObject(p.context, input)
		return status(err)
	}
	first := p.put(&s3.PutObjectInput{Key: key, Body: strings.NewReader("one"), IfNoneMatch: aws.String("*")})
	refused := attempt(&s3.PutObjectInput{IfNoneMatch: aws.String("*")})
	require(refused == "412 PreconditionFailed", "If-None-Match", refused)
	second := p.put(&s3.PutObjectInput{Key: key, Body: strings.NewReader("two"), IfMatch: first.ETag})
	refused = attempt(&s3.PutObjectInput{IfMatch: first.ETag})
	require(refused == "412 PreconditionFailed", "If-Match", refused)
	_, err := p.client.GetObject(p.context, &s3.GetObjectInput{Bucket: p.bucket, Key: key, IfNoneMatch: second.ETag})
	require(strings.HasPrefix(status(err), "304 "), "not modified", status(err))
	require(string(p.read(&s3.GetObjectInput{Key: key})) == "two", "the bytes that won")
}

func multipart(p *program) {
	key := aws.String("go/parts")
	made, err := p.client.CreateMultipartUpload(p.context, &s3.CreateMultipartUploadInput{Bucket: p.bucket, Key: key})
	check(err, "create upload")
	first, err := p.client.UploadPart(p.context, &s3.UploadPartInput{Bucket: p.bucket, Key: key, UploadId: made.UploadId,
		PartNumber: aws.Int32(1), Body: bytes.NewReader(p.content[:partBytes])})
	check(err, "part 1")
	rest := fmt.Sprintf("bytes=%d-%d", partBytes, len(p.content)-1)
	second, err := p.client.UploadPartCopy(p.context, &s3.UploadPartCopyInput{Bucket: p.bucket, Key: key,
		UploadId: made.UploadId, PartNumber: aws.Int32(2), CopySource: aws.String(*p.bucket + "/go/kept"),
		CopySourceRange: &rest})
	check(err, "part 2")
	listed, err := p.client.ListParts(p.context, &s3.ListPartsInput{Bucket: p.bucket, Key: key, UploadId: made.UploadId})
	check(err, "list parts")
	require(len(listed.Parts) == 2, "parts", len(listed.Parts))
	parts := []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: first.ETag, ChecksumCRC32: first.ChecksumCRC32},
		{PartNumber: aws.Int32(2), ETag: second.CopyPartResult.ETag, ChecksumCRC32: second.CopyPartResult.ChecksumCRC32}}
	_, err = p.client.CompleteMultipartUpload(p.context, &s3.CompleteMultipartUploadInput{Bucket: p.bucket, Key: key,
		UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	check(err, "complete")
	require(bytes.Equal(p.read(&s3.GetObjectInput{Key: key}), p.content), "the parts' bytes")
	_, err = p.client.AbortMultipartUpload(p.context, &s3.AbortMultipartUploadInput{Bucket: p.bucket, Key: key,
		UploadId: aws.String("0123456789abcdef0123456789abcdef")})
	require(status(err) == "404 NoSuchUpload", "abort of nothing", status(err))
}

func copies(p *program) {
	_, err := p.client.CopyObject(p.context, &s3.CopyObjectInput{
		Bucket: p.bucket, Key: aws.String("go/copy of it"), CopySource: aws.String(*p.bucket + "/go/kept"),
	})
	check(err, "copy")
	require(p.head("go/copy of it").Metadata["framework"] == "go", "the copy's metadata")
	require(bytes.Equal(p.read(&s3.GetObjectInput{Key: aws.String("go/copy of it")}), p.content), "the copy's bytes")
}

func listing(p *program) {
	keys := []string{}
	pages := s3.NewListObjectsV2Paginator(p.client, &s3.ListObjectsV2Input{
		Bucket: p.bucket, Prefix: aws.String("go/"), MaxKeys: aws.Int32(2),
	})
	count := 0
	for ; pages.HasMorePages(); count++ {
		page, err := pages.NextPage(p.context)
		check(err, "list")
		for _, object := range page.Contents {
			keys = append(keys, strings.TrimPrefix(*object.Key, "go/"))
		}
	}
	require(strings.Join(keys, ",") == "copy of it,empty,kept,lock,parts,pipe,stream", "keys", keys)
	require(count == 4, "pages", count)
}

func addresses(p *program) {
	signer := s3.NewPresignClient(p.client)
	key := aws.String("go/a ü+b")
	put, err := signer.PresignPutObject(p.context, &s3.PutObjectInput{Bucket: p.bucket, Key: key})
	check(err, "presign")
	request, err := http.NewRequest(put.Method, put.URL, strings.NewReader("by address"))
	check(err, "request")
	reply, err := p.web.Do(request)
	check(err, "put by address")
	reply.Body.Close()
	require(reply.StatusCode == 200, "put by address", reply.Status)
	get, err := signer.PresignGetObject(p.context, &s3.GetObjectInput{Bucket: p.bucket, Key: key})
	check(err, "presign")
	reply, err = p.web.Get(get.URL)
	check(err, "get by address")
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	check(err, "read by address")
	require(string(body) == "by address", "get by address", reply.Status)
}

func wrongs(p *program) {
	var noKey *types.NoSuchKey
	_, err := p.client.GetObject(p.context, &s3.GetObjectInput{Bucket: p.bucket, Key: aws.String("go/nothing")})
	require(errors.As(err, &noKey), "get of nothing", err)
	var notFound *types.NotFound
	_, err = p.client.HeadObject(p.context, &s3.HeadObjectInput{Bucket: p.bucket, Key: aws.String("go/nothing")})
	require(errors.As(err, &notFound), "head of nothing", err)
	_, err = p.client.ListObjectsV2(p.context, &s3.ListObjectsV2Input{Bucket: aws.String(*p.bucket + "-is-not-there")})
	require(status(err) == "404 NoSuchBucket", "list of nothing", status(err))
	_, err = p.client.DeleteBucket(p.context, &s3.DeleteBucketInput{Bucket: p.bucket})
	require(status(err) == "409 BucketNotEmpty", "delete of a bucket in use", status(err))
}

func many(p *program) {
	var group sync.WaitGroup
	for number := range 64 {
		group.Add(1)
		go func() {
			defer group.Done()
			key, body := fmt.Sprintf("go/many/%d", number), bytes.Repeat([]byte{byte(number)}, 20_000)
			p.put(&s3.PutObjectInput{Key: &key, Body: bytes.NewReader(body)})
			require(bytes.Equal(p.read(&s3.GetObjectInput{Key: &key}), body), key)
		}()
	}
	group.Wait()
}

func deletion(p *program) {
	listed, err := p.client.ListObjectsV2(p.context, &s3.ListObjectsV2Input{Bucket: p.bucket})
	check(err, "list")
	doomed := []types.ObjectIdentifier{}
	for _, object := range listed.Contents {
		if *object.Key != "go/kept" {
			doomed = append(doomed, types.ObjectIdentifier{Key: object.Key})
		}
	}
	deleted, err := p.client.DeleteObjects(p.context, &s3.DeleteObjectsInput{
		Bucket: p.bucket, Delete: &types.Delete{Objects: doomed},
	})
	check(err, "delete")
	require(len(deleted.Deleted) == len(doomed) && len(deleted.Errors) == 0, "deleted", len(deleted.Deleted))
	gone := s3.NewObjectNotExistsWaiter(p.client)
	check(gone.Wait(p.context, &s3.HeadObjectInput{Bucket: p.bucket, Key: aws.String("go/lock")}, 20*time.Second), "wait")
	left, err := p.client.ListObjectsV2(p.context, &s3.ListObjectsV2Input{Bucket: p.bucket})
	check(err, "list")
	require(*left.KeyCount == 1, "what is left", *left.KeyCount)
}
