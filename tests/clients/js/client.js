// Every kind of request that a JavaScript program makes of a model store, through the AWS SDK for JavaScript v3,
// unchanged: node client.js BUCKET FILE. Endpoint and keys come from the environment, as AWS documents them; Node trusts
// what NODE_EXTRA_CA_CERTS names.

import assert from "node:assert/strict";
import { createReadStream, readFileSync } from "node:fs";
import {
    CopyObjectCommand,
    CreateBucketCommand,
    DeleteObjectsCommand,
    GetObjectCommand,
    HeadObjectCommand,
    NoSuchKey,
    PutObjectCommand,
    S3Client,
    paginateListObjectsV2,
    waitUntilObjectExists,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const [bucket, file] = process.argv.slice(2);
const content = readFileSync(file);
const s3 = new S3Client({ forcePathStyle: true });
await s3.send(new CreateBucketCommand({ Bucket: bucket }));

// A stream of unknown length: multipart, with a checksum in each part's trailer.
const upload = new Upload({
    client: s3,
    params: { Bucket: bucket, Key: "js/model.bin", Body: createReadStream(file), Metadata: { framework: "js" } },
    partSize: 5 * 1024 * 1024,
});
await upload.done();
await waitUntilObjectExists({ client: s3, maxWaitTime: 10 }, { Bucket: bucket, Key: "js/model.bin" });
const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "js/model.bin" }));
assert.equal(head.ContentLength, content.length);
assert.equal(head.Metadata.framework, "js");
const whole = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: "js/model.bin" }));
assert.ok(content.equals(await whole.Body.transformToByteArray()));
const range = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: "js/model.bin", Range: "bytes=100-199" }));
assert.equal(range.ContentRange, `bytes 100-199/${content.length}`);
assert.ok(content.subarray(100, 200).equals(await range.Body.transformToByteArray()));

for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    const Key = `js/checksum ${algorithm}`;
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "weights", ChecksumAlgorithm: algorithm }));
    const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key, ChecksumMode: "ENABLED" }));
    assert.equal(await got.Body.transformToString(), "weights");
    assert.ok(got[`Checksum${algorithm}`], algorithm);
}

await s3.send(new CopyObjectCommand({ Bucket: bucket, Key: "js/copy", CopySource: `${bucket}/js/model.bin` }));
const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket: bucket, Prefix: "js/" }))
    keys.push(...page.Contents.map((object) => object.Key));
assert.equal(keys.length, 7);
assert.deepEqual(keys, [...keys].sort());

const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: "js/copy" }));
const byAddress = await fetch(url);
assert.equal(byAddress.status, 200);
assert.ok(content.equals(Buffer.from(await byAddress.arrayBuffer())));

const deleted = await s3.send(
    new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
);
assert.equal(deleted.Deleted.length, keys.length);
await assert.rejects(s3.send(new GetObjectCommand({ Bucket: bucket, Key: "js/copy" })), NoSuchKey);
console.log("js: ok");
