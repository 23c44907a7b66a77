// tests/clients/programs/go/aws -- what a program with aws-sdk-go-v2 does; credentials and region come from the environment.
//
// usage: aws http://HOST:PORT ; prints `ok` at the end
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"server.test/clients/check"
)

var (
	story  = context.Background()
	bucket = aws.String("aws-go")
	client *s3.Client
)

func put(key string, body []byte) {
	check.Must(client.PutObject(story, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(body)}))
}

func get(input *s3.GetObjectInput) ([]byte, *s3.GetObjectOutput) {
	input.Bucket = bucket
	found := check.Must(client.GetObject(story, input))
	defer found.Body.Close()
	return check.Must(io.ReadAll(found.Body)), found // its checksum is verified at the end
}

func isCode(err error, code string) bool {
	var refusal smithy.APIError
	return errors.As(err, &refusal) && refusal.ErrorCode() == code
}

func headers(text []byte) {
	metadata := map[string]string{"colour": "green", "name": "Grüße"}
	check.Must(client.PutObject(story, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: bytes.NewReader(text),
		ContentType: aws.String("text/x"), Metadata: metadata, Tagging: aws.String("a=b+c")}))
	found := check.Must(client.HeadObject(story, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("k")}))
	check.That(*found.ContentLength == int64(len(text)) && *found.ContentType == "text/x", "what HEAD says")
	check.Equal(map[string]string{"colour": "green", "name": "=?UTF-8?B?R3LDvMOfZQ==?="}, found.Metadata)
	tags := check.Must(client.GetObjectTagging(story, &s3.GetObjectTaggingInput{Bucket: bucket, Key: aws.String("k")}))
	check.That(len(tags.TagSet) == 1 && *tags.TagSet[0].Value == "b c", "tags")
	part, answer := get(&s3.GetObjectInput{Key: aws.String("k"), Range: aws.String("bytes=10-19")})
	check.Same(text[10:20], part)
	check.That(*answer.ContentRange == fmt.Sprintf("bytes 10-19/%d", len(text)), "Content-Range")
	acl := check.Must(client.GetObjectAcl(story, &s3.GetObjectAclInput{Bucket: bucket, Key: aws.String("k")}))
	check.That(len(acl.Grants) == 1 && acl.Grants[0].Permission == types.PermissionFullControl, "the ACL")

	_, refused := client.PutObject(story, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: bytes.NewReader(text), IfNoneMatch: aws.String("*")})
	check.That(isCode(refused, "PreconditionFailed"), "If-None-Match")
	_, missing := client.GetObject(story, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("not there")})
	var none *types.NoSuchKey
	check.That(errors.As(missing, &none), "a missing key")
}

// Every checksum that this SDK can compute, and none of the others is refused for another reason.
func checksums(text []byte) {
	done := 0
	for _, algorithm := range types.ChecksumAlgorithm("").Values() {
		key := "sums/" + string(algorithm)
		_, err := client.PutObject(story, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(text), ChecksumAlgorithm: algorithm})
		var answered interface{ HTTPStatusCode() int }
		check.That(!errors.As(err, &answered), fmt.Sprint(algorithm, ": ", err))
		if err != nil {
			continue
		}
		body, found := get(&s3.GetObjectInput{Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		check.Same(text, body)
		check.That(found.ChecksumType == types.ChecksumTypeFullObject, key)
		done++
	}
	check.That(done >= 5, fmt.Sprint(done, " checksums"))
}

func parts() {
	large := check.Text(12<<20 + 5)
	uploader := manager.NewUploader(client, func(uploader *manager.Uploader) { uploader.PartSize = 5 << 20 })
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmSha256, types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc64nvme} {
		check.Must(uploader.Upload(story, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("large"), Body: io.MultiReader(bytes.NewReader(large)), ChecksumAlgorithm: algorithm}))
		body, _ := get(&s3.GetObjectInput{Key: aws.String("large"), ChecksumMode: types.ChecksumModeEnabled})
		check.Same(large, body)
		part, found := get(&s3.GetObjectInput{Key: aws.String("large"), PartNumber: aws.Int32(3), ChecksumMode: types.ChecksumModeEnabled})
		check.Same(large[10<<20:], part)
		check.That(*found.PartsCount == 3 && found.ChecksumType != "", "a part")
	}
	into := manager.NewWriteAtBuffer(nil)
	check.Must(manager.NewDownloader(client).Download(story, into, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("large")}))
	check.Same(large, into.Bytes())
}

func names() {
	put("a b/1", []byte("space"))
	put("a+b/1", []byte("plus"))
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a"), MaxKeys: aws.Int32(1)})
	found := []string{}
	for pages.HasMorePages() {
		for _, entry := range check.Must(pages.NextPage(story)).Contents {
			found = append(found, *entry.Key)
		}
	}
	check.Equal([]string{"a b/1", "a+b/1"}, found)
	for source, body := range map[string]string{"a b/1": "space", "a+b/1": "plus"} {
		from := *bucket + "/" + url.QueryEscape(source)
		check.Must(client.CopyObject(story, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: &from}))
		copied, _ := get(&s3.GetObjectInput{Key: aws.String("copy")})
		check.Same([]byte(body), copied)
	}
}

func presigned(text []byte) {
	presigner := s3.NewPresignClient(client)
	link := check.Must(presigner.PresignPutObject(story, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("by url")}))
	request := check.Must(http.NewRequest(link.Method, link.URL, bytes.NewReader(text)))
	request.Header = link.SignedHeader
	check.That(check.Must(http.DefaultClient.Do(request)).StatusCode == 200, "presigned PUT")
	link = check.Must(presigner.PresignGetObject(story, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("by url")}))
	check.Same(text, check.Must(io.ReadAll(check.Must(http.Get(link.URL)).Body)))
}

// A client that was set up for another region finds out which it is.
func region(endpoint string) {
	lost := s3.NewFromConfig(check.Must(config.LoadDefaultConfig(story, config.WithRegion("eu-west-1"))), func(options *s3.Options) {
		options.BaseEndpoint, options.UsePathStyle = &endpoint, true
	})
	check.That(check.Must(manager.GetBucketRegion(story, lost, *bucket, func(options *s3.Options) { options.BaseEndpoint, options.UsePathStyle = &endpoint, true })) == "us-east-1", "the region")
}

func main() {
	endpoint := os.Args[1]
	client = s3.NewFromConfig(check.Must(config.LoadDefaultConfig(story)), func(options *s3.Options) {
		options.BaseEndpoint, options.UsePathStyle = &endpoint, true
	})
	text := check.Text(100_000)
	check.Must(client.CreateBucket(story, &s3.CreateBucketInput{Bucket: bucket}))
	check.Error(s3.NewBucketExistsWaiter(client).Wait(story, &s3.HeadBucketInput{Bucket: bucket}, time.Minute))

	headers(text)
	checksums(text)
	parts()
	names()
	presigned(text)
	region(endpoint)

	listed := check.Must(client.ListObjectsV2(story, &s3.ListObjectsV2Input{Bucket: bucket}))
	gone := []types.ObjectIdentifier{}
	for _, entry := range listed.Contents {
		gone = append(gone, types.ObjectIdentifier{Key: entry.Key})
	}
	deleted := check.Must(client.DeleteObjects(story, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: gone}}))
	check.That(len(deleted.Deleted) == len(gone) && len(deleted.Errors) == 0, "DeleteObjects")
	check.That(slices.ContainsFunc(listed.Contents, func(entry types.Object) bool { return strings.HasPrefix(*entry.Key, "sums/") }), "the list")
	check.Must(client.DeleteBucket(story, &s3.DeleteBucketInput{Bucket: bucket}))
	fmt.Println("ok")
}
