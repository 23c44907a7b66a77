// tests/clients/programs/java/Sdk1.java -- what a program with version 1 of the AWS SDK for Java does; credentials come from the
// environment.
//
// usage: Sdk1 http://HOST:PORT ; prints `ok` at the end

import com.amazonaws.HttpMethod;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.Headers;
import com.amazonaws.services.s3.model.*;
import com.amazonaws.services.s3.transfer.TransferManagerBuilder;
import com.amazonaws.util.IOUtils;
import java.io.ByteArrayInputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Date;
import java.util.List;

public final class Sdk1 {
    private static final String BUCKET = "java-one";
    private static AmazonS3 s3;

    private static void put(String key, byte[] body) {
        var metadata = new ObjectMetadata();
        metadata.setContentLength(body.length);
        s3.putObject(BUCKET, key, new ByteArrayInputStream(body), metadata);
    }

    private static byte[] get(GetObjectRequest request) throws Exception {
        try (var object = s3.getObject(request)) {
            return IOUtils.toByteArray(object.getObjectContent());
        }
    }

    private static void headers(byte[] text) throws Exception {
        var metadata = new ObjectMetadata();
        metadata.setContentLength(text.length);
        metadata.setContentType("text/x");
        metadata.addUserMetadata("colour", "green");
        var tags = new ObjectTagging(List.of(new Tag("a", "b c")));
        s3.putObject(new PutObjectRequest(BUCKET, "k", new ByteArrayInputStream(text), metadata).withTagging(tags));
        var found = s3.getObjectMetadata(BUCKET, "k");
        Check.equal((long)text.length, found.getContentLength());
        Check.equal("text/x", found.getContentType());
        Check.equal("green", found.getUserMetaDataOf("colour"));
        Check.equal("b c", s3.getObjectTagging(new GetObjectTaggingRequest(BUCKET, "k")).getTagSet().get(0).getValue());
        Check.same(Arrays.copyOfRange(text, 10, 20), get(new GetObjectRequest(BUCKET, "k").withRange(10, 19)));
        Check.equal("FULL_CONTROL", s3.getObjectAcl(BUCKET, "k").getGrantsAsList().get(0).getPermission().toString());
        Check.equal(s3.getS3AccountOwner().getId(), s3.getBucketAcl(BUCKET).getOwner().getId());
        Check.that(!s3.doesObjectExist(BUCKET, "not there"), "a missing key");
        Check.that(s3.getObject(new GetObjectRequest(BUCKET, "k").withNonmatchingETagConstraint(found.getETag())) == null, "not modified");
        put("empty", new byte[0]);
        Check.same(new byte[0], get(new GetObjectRequest(BUCKET, "empty")));
    }

    /** Prefixes, delimiters and markers with a space, which this SDK writes as a plus. */
    private static void names() throws Exception {
        for (var key : List.of("a b/1", "a b/2 x", "a+b/1", "z"))
            put(key, key.getBytes(StandardCharsets.UTF_8));
        Check.equal(List.of("a b/1", "a b/2 x"), s3.listObjects(BUCKET, "a b/").getObjectSummaries().stream().map(S3ObjectSummary::getKey).toList());
        Check.equal(List.of("a+b/1"), s3.listObjectsV2(BUCKET, "a+b/").getObjectSummaries().stream().map(S3ObjectSummary::getKey).toList());
        var request = new ListObjectsRequest().withBucketName(BUCKET).withPrefix("a").withDelimiter(" ").withMaxKeys(1);
        var page = s3.listObjects(request);
        Check.equal(List.of("a "), page.getCommonPrefixes());
        Check.equal(List.of("a+b/1"), s3.listNextBatchOfObjects(page).getObjectSummaries().stream().map(S3ObjectSummary::getKey).toList());
        Check.equal(List.of("a+b/1", "empty"), s3.listObjectsV2(new ListObjectsV2Request().withBucketName(BUCKET).withStartAfter("a b/2 x").withMaxKeys(2))
                .getObjectSummaries().stream().map(S3ObjectSummary::getKey).toList());
        Check.equal(2, s3.listVersions(BUCKET, "a b/").getVersionSummaries().size());
        for (var source : List.of("a b/1", "a+b/1")) {
            s3.copyObject(BUCKET, source, BUCKET, "copy");
            Check.same(source.getBytes(StandardCharsets.UTF_8), get(new GetObjectRequest(BUCKET, "copy")));
        }
    }

    private static void parts() throws Exception {
        var large = Check.text((12 << 20) + 5);
        var transfers = TransferManagerBuilder.standard().withS3Client(s3).withMinimumUploadPartSize(5L << 20).withMultipartUploadThreshold(5L << 20)
                .withMultipartCopyThreshold(5L << 20).withMultipartCopyPartSize(5L << 20).build();
        var metadata = new ObjectMetadata();
        metadata.setContentLength(large.length);
        transfers.upload(BUCKET, "la rge", new ByteArrayInputStream(large), metadata).waitForCompletion();
        transfers.copy(BUCKET, "la rge", BUCKET, "large+copy").waitForCompletion();
        Check.same(large, get(new GetObjectRequest(BUCKET, "large+copy")));
        Check.same(Arrays.copyOfRange(large, 5 << 20, 10 << 20), get(new GetObjectRequest(BUCKET, "la rge").withPartNumber(2)));
        Check.equal(0, s3.listMultipartUploads(new ListMultipartUploadsRequest(BUCKET).withPrefix("la ")).getMultipartUploads().size());
        transfers.shutdownNow(false);
    }

    private static void presigned(byte[] text) throws Exception {
        var until = new Date(System.currentTimeMillis() + 60_000);
        var connection = (HttpURLConnection)s3.generatePresignedUrl(BUCKET, "by url", until, HttpMethod.PUT).openConnection();
        connection.setDoOutput(true);
        connection.setRequestMethod("PUT");
        connection.getOutputStream().write(text);
        Check.equal(200, connection.getResponseCode());
        var overrides = new ResponseHeaderOverrides().withContentDisposition("attachment; filename=\"a b+c\"");
        URL link = s3.generatePresignedUrl(new GeneratePresignedUrlRequest(BUCKET, "by url").withExpiration(until).withResponseHeaders(overrides));
        connection = (HttpURLConnection)link.openConnection();
        Check.same(text, connection.getInputStream().readAllBytes());
        Check.equal("attachment; filename=\"a b+c\"", connection.getHeaderField(Headers.CONTENT_DISPOSITION));
    }

    public static void main(String[] arguments) throws Exception {
        s3 = AmazonS3ClientBuilder.standard().withEndpointConfiguration(new EndpointConfiguration(arguments[0], "us-east-1"))
                .withPathStyleAccessEnabled(true).build();
        var text = Check.text(300_000);
        s3.createBucket(BUCKET);
        Check.that(s3.doesBucketExistV2(BUCKET), "the bucket");
        Check.equal("US", s3.getBucketLocation(BUCKET)); // the SDK's name for us-east-1
        headers(text);
        names();
        parts();
        presigned(text);
        var keys = s3.listObjectsV2(BUCKET).getObjectSummaries().stream().map(S3ObjectSummary::getKey).toArray(String[]::new);
        Check.equal(keys.length, s3.deleteObjects(new DeleteObjectsRequest(BUCKET).withKeys(keys)).getDeletedObjects().size());
        s3.deleteBucket(BUCKET);
        System.out.println("ok");
    }
}
