// tests/clients/programs/java/Sdk2.java -- what a program with version 2 of the AWS SDK for Java does; credentials come from the
// environment.
//
// usage: Sdk2 http://HOST:PORT ; prints `ok` at the end

import java.io.ByteArrayInputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.*;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

public final class Sdk2 {
    private static final String BUCKET = "java-two";
    private static final S3Configuration PATHS = S3Configuration.builder().pathStyleAccessEnabled(true).build();
    private static S3Client s3;

    private static void put(String key, byte[] body) {
        s3.putObject(request -> request.bucket(BUCKET).key(key), RequestBody.fromBytes(body));
    }

    /** With the checksum that the SDK verifies at the end. */
    private static byte[] get(String key) {
        return s3.getObjectAsBytes(request -> request.bucket(BUCKET).key(key).checksumMode(ChecksumMode.ENABLED)).asByteArray();
    }

    private static void headers(byte[] text) {
        s3.putObject(request -> request.bucket(BUCKET).key("k").contentType("text/x").metadata(Map.of("colour", "green"))
                .tagging(Tagging.builder().tagSet(Tag.builder().key("a").value("b c").build()).build()), RequestBody.fromBytes(text));
        var found = s3.headObject(request -> request.bucket(BUCKET).key("k"));
        Check.equal((long)text.length, found.contentLength());
        Check.equal("text/x", found.contentType());
        Check.equal(Map.of("colour", "green"), found.metadata());
        Check.equal("b c", s3.getObjectTagging(request -> request.bucket(BUCKET).key("k")).tagSet().get(0).value());
        Check.same(Arrays.copyOfRange(text, 10, 20), s3.getObjectAsBytes(request -> request.bucket(BUCKET).key("k").range("bytes=10-19")).asByteArray());
        Check.equal(Permission.FULL_CONTROL, s3.getObjectAcl(request -> request.bucket(BUCKET).key("k")).grants().get(0).permission());
        try {
            s3.putObject(request -> request.bucket(BUCKET).key("k").ifNoneMatch("*"), RequestBody.fromBytes(text));
            throw new AssertionError("If-None-Match");
        } catch (S3Exception refused) {
            Check.equal(412, refused.statusCode());
        }
        try {
            get("not there");
            throw new AssertionError("a missing key");
        } catch (NoSuchKeyException missing) {
            Check.equal("NoSuchKey", missing.awsErrorDetails().errorCode());
        }
        put("empty", new byte[0]);
        Check.same(new byte[0], get("empty"));
        // a stream whose length is known, and that cannot be read twice
        s3.putObject(request -> request.bucket(BUCKET).key("stream"), RequestBody.fromInputStream(new ByteArrayInputStream(text), text.length));
        Check.same(text, get("stream"));
    }

    /** Every checksum that this SDK can compute, and none of the others is refused for another reason. */
    private static void checksums(byte[] text) {
        var done = 0;
        for (var algorithm : ChecksumAlgorithm.knownValues()) {
            var key = "sums/" + algorithm;
            try {
                s3.putObject(request -> request.bucket(BUCKET).key(key).checksumAlgorithm(algorithm), RequestBody.fromBytes(text));
            } catch (S3Exception refused) {
                throw new AssertionError(algorithm + ": " + refused);
            } catch (RuntimeException unknown) { // to the SDK, without further libraries
                continue;
            }
            Check.same(text, get(key));
            done++;
        }
        Check.that(done >= 4, done + " checksums");
    }

    private static void names() {
        for (var key : List.of("a b/1", "a+b/1", "z"))
            put(key, key.getBytes(StandardCharsets.UTF_8));
        Check.equal(List.of("a b/1"), s3.listObjectsV2(request -> request.bucket(BUCKET).prefix("a b/")).contents().stream().map(S3Object::key).toList());
        Check.equal(List.of("a b/1", "a+b/1"), s3.listObjectsV2Paginator(request -> request.bucket(BUCKET).prefix("a").maxKeys(1)).contents()
                .stream().map(S3Object::key).toList());
        for (var source : List.of("a b/1", "a+b/1")) {
            s3.copyObject(request -> request.sourceBucket(BUCKET).sourceKey(source).destinationBucket(BUCKET).destinationKey("copy"));
            Check.same(source.getBytes(StandardCharsets.UTF_8), get("copy"));
        }
    }

    private static void parts(URI endpoint) {
        var large = Check.text((20 << 20) + 5);
        var settings = software.amazon.awssdk.services.s3.multipart.MultipartConfiguration.builder().minimumPartSizeInBytes(5L << 20)
                .thresholdInBytes(5L << 20).build();
        try (var async = S3AsyncClient.builder().endpointOverride(endpoint).region(Region.US_EAST_1).forcePathStyle(true)
                     .multipartEnabled(true).multipartConfiguration(settings).build()) {
            async.putObject(request -> request.bucket(BUCKET).key("large"), AsyncRequestBody.fromBytes(large)).join();
            async.copyObject(request -> request.sourceBucket(BUCKET).sourceKey("large").destinationBucket(BUCKET).destinationKey("large+copy")).join();
            Check.same(large, async.getObject(request -> request.bucket(BUCKET).key("large+copy"), AsyncResponseTransformer.toBytes()).join().asByteArray());
        }
        Check.same(large, get("large"));
        var attributes = s3.getObjectAttributes(request -> request.bucket(BUCKET).key("large").objectAttributes(ObjectAttributes.OBJECT_PARTS, ObjectAttributes.CHECKSUM));
        Check.that(attributes.objectParts().totalPartsCount() > 1 && attributes.checksum() != null, attributes);
    }

    private static void presigned(URI endpoint, byte[] text) throws Exception {
        try (var presigner = S3Presigner.builder().endpointOverride(endpoint).region(Region.US_EAST_1).serviceConfiguration(PATHS).build()) {
            var link = presigner.presignPutObject(request -> request.signatureDuration(Duration.ofMinutes(1))
                    .putObjectRequest(put -> put.bucket(BUCKET).key("by url").metadata(Map.of("a", "b")))).url();
            var connection = (HttpURLConnection)link.openConnection();
            connection.setDoOutput(true);
            connection.setRequestMethod("PUT");
            connection.setRequestProperty("x-amz-meta-a", "b");
            connection.getOutputStream().write(text);
            Check.equal(200, connection.getResponseCode());
            link = presigner.presignGetObject(request -> request.signatureDuration(Duration.ofMinutes(1))
                    .getObjectRequest(get -> get.bucket(BUCKET).key("by url").responseContentType("a/b c"))).url();
            connection = (HttpURLConnection)link.openConnection();
            Check.same(text, connection.getInputStream().readAllBytes());
            Check.equal("a/b c", connection.getContentType());
        }
    }

    /** A client that was set up for another region finds out which it is. */
    private static void region(URI endpoint) {
        try (var lost = S3Client.builder().endpointOverride(endpoint).region(Region.EU_WEST_1).serviceConfiguration(PATHS).build()) {
            lost.headBucket(request -> request.bucket(BUCKET));
            throw new AssertionError("signed for another region");
        } catch (S3Exception refused) {
            Check.equal("us-east-1", refused.awsErrorDetails().sdkHttpResponse().firstMatchingHeader("x-amz-bucket-region").orElse("none"));
        }
    }

    public static void main(String[] arguments) throws Exception {
        var endpoint = URI.create(arguments[0]);
        s3 = S3Client.builder().endpointOverride(endpoint).region(Region.US_EAST_1).serviceConfiguration(PATHS).build();
        var text = Check.text(300_000);
        s3.createBucket(request -> request.bucket(BUCKET));
        s3.waiter().waitUntilBucketExists(request -> request.bucket(BUCKET));
        headers(text);
        checksums(text);
        names();
        parts(endpoint);
        presigned(endpoint, text);
        region(endpoint);
        var keys = s3.listObjectsV2(request -> request.bucket(BUCKET)).contents().stream().map(found -> ObjectIdentifier.builder().key(found.key()).build()).toList();
        Check.equal(keys.size(), s3.deleteObjects(request -> request.bucket(BUCKET).delete(gone -> gone.objects(keys))).deleted().size());
        s3.deleteBucket(request -> request.bucket(BUCKET));
        System.out.println("ok");
    }
}
