// tests/clients/programs/go/minio -- what a program with minio-go does; credentials come from the environment.
//
// usage: minio http://HOST:PORT ; prints `ok` at the end
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"
	"server.test/clients/check"
)

const bucket = "minio-go"

var story = context.Background()

func connect(endpoint string) *minio.Client {
	where := check.Must(url.Parse(endpoint))
	return check.Must(minio.New(where.Host, &minio.Options{
		Creds:  credentials.NewEnvAWS(),
		Secure: where.Scheme == "https",
		Region: "us-east-1",
		// checksums behind the body, as mc does with --checksum
		TrailingHeaders: true,
	}))
}

func read(client *minio.Client, key string, options minio.GetObjectOptions) []byte {
	object := check.Must(client.GetObject(story, bucket, key, options))
	defer object.Close()
	return check.Must(io.ReadAll(object))
}

func put(client *minio.Client, key string, body []byte, options minio.PutObjectOptions) minio.UploadInfo {
	return check.Must(client.PutObject(story, bucket, key, bytes.NewReader(body), int64(len(body)), options))
}

func list(client *minio.Client, options minio.ListObjectsOptions) []string {
	keys := []string{}
	for entry := range client.ListObjects(story, bucket, options) {
		check.Error(entry.Err)
		keys = append(keys, entry.Key)
	}
	return keys
}

func checksums(client *minio.Client, text []byte) {
	for _, kind := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumSHA1, minio.ChecksumSHA256, minio.ChecksumCRC64NVME} {
		put(client, "sums/"+kind.String(), text, minio.PutObjectOptions{Checksum: kind})
		found := check.Must(client.StatObject(story, bucket, "sums/"+kind.String(), minio.StatObjectOptions{Checksum: true}))
		values := found.ChecksumCRC32 + found.ChecksumCRC32C + found.ChecksumSHA1 + found.ChecksumSHA256 + found.ChecksumCRC64NVME
		check.That(values == check.Must(kind.ChecksumReader(bytes.NewReader(text))).Encoded(), kind.String())
	}
	put(client, "sums/md5", text, minio.PutObjectOptions{SendContentMd5: true})
	put(client, "sums/none", text, minio.PutObjectOptions{DisableContentSha256: true})
}

func parts(client *minio.Client) {
	large := check.Text(12<<20 + 5)
	options := minio.PutObjectOptions{PartSize: 5 << 20, Checksum: minio.ChecksumCRC32C}
	check.Must(client.PutObject(story, bucket, "large", bytes.NewReader(large), -1, options)) // of unknown length
	check.Same(large, read(client, "large", minio.GetObjectOptions{}))
	options.NumThreads = 4
	put(client, "large too", large, options)
	ranged := minio.GetObjectOptions{}
	check.Error(ranged.SetRange(5<<20-3, 5<<20+2))
	check.Same(large[5<<20-3:5<<20+3], read(client, "large too", ranged))

	first := minio.CopySrcOptions{Bucket: bucket, Object: "large", MatchRange: true, Start: 0, End: 6<<20 - 1}
	check.Must(client.ComposeObject(story, minio.CopyDestOptions{Bucket: bucket, Object: "composed"},
		first, minio.CopySrcOptions{Bucket: bucket, Object: "large too"}))
	check.Same(append(append([]byte{}, large[:6<<20]...), large...), read(client, "composed", minio.GetObjectOptions{}))
}

func names(client *minio.Client) {
	put(client, "a b/1", []byte("space"), minio.PutObjectOptions{})
	put(client, "a+b/1", []byte("plus"), minio.PutObjectOptions{})
	check.Equal([]string{"a b/1"}, list(client, minio.ListObjectsOptions{Prefix: "a b/", Recursive: true}))
	check.Equal([]string{"a+b/1"}, list(client, minio.ListObjectsOptions{Prefix: "a+b/", UseV1: true}))
	for source, body := range map[string]string{"a b/1": "space", "a+b/1": "plus"} {
		check.Must(client.CopyObject(story, minio.CopyDestOptions{Bucket: bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: bucket, Object: source}))
		check.Same([]byte(body), read(client, "copy", minio.GetObjectOptions{}))
	}
}

func presigned(client *minio.Client, text []byte) {
	link := check.Must(client.PresignedPutObject(story, bucket, "by url", time.Minute))
	request := check.Must(http.NewRequest("PUT", link.String(), bytes.NewReader(text)))
	check.That(check.Must(http.DefaultClient.Do(request)).StatusCode == 200, "presigned PUT")
	link = check.Must(client.PresignedGetObject(story, bucket, "by url", time.Minute, url.Values{"response-content-type": {"a/b c"}}))
	answer := check.Must(http.Get(link.String()))
	check.Same(text, check.Must(io.ReadAll(answer.Body)))
	check.That(answer.Header.Get("Content-Type") == "a/b c", "response-content-type")
}

func main() {
	client := connect(os.Args[1])
	text := check.Text(100_000)
	check.Error(client.MakeBucket(story, bucket, minio.MakeBucketOptions{}))
	check.That(check.Must(client.BucketExists(story, bucket)), "the bucket is there")
	check.That(check.Must(client.GetBucketLocation(story, bucket)) == "us-east-1", "its region")

	put(client, "k", text, minio.PutObjectOptions{ContentType: "text/x", UserMetadata: map[string]string{"Colour": "green"}, UserTags: map[string]string{"a": "b c"}})
	found := check.Must(client.StatObject(story, bucket, "k", minio.StatObjectOptions{}))
	check.That(found.Size == int64(len(text)) && found.UserMetadata["Colour"] == "green" && found.ContentType == "text/x", "what HEAD says")
	check.Error(client.PutObjectTagging(story, bucket, "k", check.Must(tags.NewTags(map[string]string{"x": "y"}, true)), minio.PutObjectTaggingOptions{}))
	check.That(check.Must(client.GetObjectTagging(story, bucket, "k", minio.GetObjectTaggingOptions{})).ToMap()["x"] == "y", "tags")
	check.That(check.Must(client.GetObjectACL(story, bucket, "k")) != nil, "the ACL")
	only := minio.PutObjectOptions{}
	only.SetMatchETagExcept("*")
	_, refused := client.PutObject(story, bucket, "k", bytes.NewReader(text), int64(len(text)), only)
	check.That(minio.ToErrorResponse(refused).Code == "PreconditionFailed", "If-None-Match")
	_, missing := client.StatObject(story, bucket, "not there", minio.StatObjectOptions{})
	check.That(minio.ToErrorResponse(missing).Code == "NoSuchKey", "a missing key")

	checksums(client, text)
	parts(client)
	names(client)
	presigned(client, text)

	for wrong := range client.RemoveObjects(story, bucket, client.ListObjects(story, bucket, minio.ListObjectsOptions{Recursive: true}), minio.RemoveObjectsOptions{}) {
		check.Error(wrong.Err)
	}
	check.Error(client.RemoveBucket(story, bucket))
	fmt.Println("ok")
}
