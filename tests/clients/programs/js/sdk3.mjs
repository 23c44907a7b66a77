// tests/clients/programs/js/sdk3.mjs -- what a program with version 3 of the AWS SDK for JavaScript does; credentials and region
// come from the environment.
//
// usage: node sdk3.mjs http://HOST:PORT ; prints `ok` at the end

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';

import {
  ChecksumAlgorithm, CopyObjectCommand, CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, GetBucketLocationCommand,
  GetObjectAclCommand, GetObjectCommand, GetObjectTaggingCommand, HeadBucketCommand, HeadObjectCommand, ListObjectsV2Command,
  PutObjectCommand, S3Client, paginateListObjectsV2, waitUntilBucketExists,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const endpoint = process.argv[2];
const Bucket = 'js-three';
const settings = { endpoint, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 };
const s3 = new S3Client(settings);

/** Like a log: it shrinks to a fraction. */
function makeText(size) {
  const lines = [];
  for (let i = 0, length = 0; length < size; length += lines.at(-1).length, i++)
    lines.push(`10.0.0.${i % 256} GET /images/${(i * 7919) % 1000003}.png 200\n`);
  return Buffer.from(lines.join('').slice(0, size));
}

const put = (Key, Body, more = {}) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

async function get(Key, more = {}) {
  const found = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from(await found.Body.transformToByteArray()); // its checksum is verified at the end
}

async function refused(command, name) {
  await assert.rejects(() => s3.send(command), (error) => error.name === name || assert.fail(`${error} instead of ${name}`));
}

async function headers(text) {
  await put('k', text, { ContentType: 'text/x', Metadata: { colour: 'green' }, Tagging: 'a=b%20c' });
  const found = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
  assert.deepEqual([found.ContentLength, found.ContentType, found.Metadata], [text.length, 'text/x', { colour: 'green' }]);
  assert.deepEqual((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'k' }))).TagSet, [{ Key: 'a', Value: 'b c' }]);
  assert.equal((await s3.send(new GetObjectAclCommand({ Bucket, Key: 'k' }))).Grants[0].Permission, 'FULL_CONTROL');
  assert.deepEqual(await get('k', { Range: 'bytes=10-19' }), text.subarray(10, 20));
  await refused(new PutObjectCommand({ Bucket, Key: 'k', Body: text, IfNoneMatch: '*' }), 'PreconditionFailed');
  await refused(new GetObjectCommand({ Bucket, Key: 'not there' }), 'NoSuchKey');
  await put('empty', '');
  assert.equal((await get('empty')).length, 0);
  await put('stream', Readable.from([text.subarray(0, 70_000), text.subarray(70_000)]), { ContentLength: text.length });
  assert.deepEqual(await get('stream'), text);
}

/** Every checksum that this SDK can compute, and none of the others is refused by the server. */
async function checksums(text) {
  let done = 0;
  for (const name of Object.values(ChecksumAlgorithm)) {
    try {
      await put(`sums/${name}`, text, { ChecksumAlgorithm: name });
    } catch (error) {
      assert.equal(error.$metadata?.httpStatusCode, undefined, `${name}: ${error}`);
      continue; // unknown to the SDK, without further packages
    }
    assert.deepEqual(await get(`sums/${name}`, { ChecksumMode: 'ENABLED' }), text);
    done++;
  }
  assert.ok(done >= 4, `${done} checksums`);
}

async function names() {
  for (const key of ['a b/1', 'a+b/1', 'z'])
    await put(key, key);
  const keys = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket, Prefix: 'a' }))
    keys.push(...page.Contents.map((entry) => entry.Key));
  assert.deepEqual(keys, ['a b/1', 'a+b/1']);
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'a b/' }))).KeyCount, 1);
  for (const key of ['a b/1', 'a+b/1']) {
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/${encodeURIComponent(key)}` }));
    assert.equal((await get('copy')).toString(), key);
  }
}

async function parts() {
  const large = makeText((12 << 20) + 5);
  const pieces = Array.from({ length: 13 }, (_, i) => large.subarray(i << 20, (i + 1) << 20));
  for (const more of [{}, { ChecksumAlgorithm: 'SHA256' }])
    await new Upload({ client: s3, partSize: 5 << 20, params: { Bucket, Key: 'large', Body: Readable.from(pieces), ...more } }).done();
  assert.deepEqual(await get('large'), large);
  assert.deepEqual(await get('large', { PartNumber: 3, ChecksumMode: 'ENABLED' }), large.subarray(10 << 20));
}

async function presigned(text) {
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'by url' }), { expiresIn: 60 });
  assert.equal((await fetch(put, { method: 'PUT', body: text })).status, 200);
  const link = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'by url', ResponseContentType: 'a/b c' }), { expiresIn: 60 });
  const answer = await fetch(link);
  assert.equal(answer.headers.get('content-type'), 'a/b c');
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), text);
}

/** A client that was set up for another region, and asks for the bucket's: it signs again. */
async function region() {
  const lost = new S3Client({ ...settings, region: 'eu-west-1', followRegionRedirects: true });
  assert.equal((await lost.send(new HeadBucketCommand({ Bucket }))).BucketRegion, 'us-east-1');
}

const text = makeText(300_000);
await s3.send(new CreateBucketCommand({ Bucket }));
await waitUntilBucketExists({ client: s3, maxWaitTime: 20 }, { Bucket });
assert.equal((await s3.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint, undefined);
await headers(text);
await checksums(text);
await names();
await parts();
await presigned(text);
await region();
const listed = await s3.send(new ListObjectsV2Command({ Bucket }));
const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: listed.Contents.map(({ Key }) => ({ Key })) } }));
assert.equal(gone.Deleted.length, listed.KeyCount);
await s3.send(new DeleteBucketCommand({ Bucket }));
console.log('ok');
