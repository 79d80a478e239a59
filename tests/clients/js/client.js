// What a JavaScript program does with a model store, through the AWS SDK for JavaScript v3, unchanged:
// node client.js BUCKET FILE. Endpoint and keys come from the environment, as AWS documents them; Node trusts what
// NODE_EXTRA_CA_CERTS names. Prints the name of each step that went well; js/kept stays for others to read.

import assert from "node:assert/strict";
import { createReadStream, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import {
    AbortMultipartUploadCommand,
    CompleteMultipartUploadCommand,
    CopyObjectCommand,
    CreateBucketCommand,
    CreateMultipartUploadCommand,
    DeleteBucketCommand,
    DeleteObjectCommand,
    DeleteObjectsCommand,
    GetObjectAttributesCommand,
    GetObjectCommand,
    HeadBucketCommand,
    HeadObjectCommand,
    ListObjectsV2Command,
    ListPartsCommand,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NotFound,
    PutObjectCommand,
    S3Client,
    UploadPartCommand,
    UploadPartCopyCommand,
    paginateListObjectsV2,
    waitUntilObjectExists,
    waitUntilObjectNotExists,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const [bucket, file] = process.argv.slice(2);
const content = readFileSync(file);
const partSize = 5 * 1024 * 1024;
const sizeMin = 2 * partSize;
assert.ok(content.length > sizeMin, `${file} must have more than ${sizeMin} bytes`);
const s3 = new S3Client({ forcePathStyle: true, maxAttempts: 1 });
const at = (Key, more = {}) => ({ Bucket: bucket, Key, ...more });
const read = async (Key, more) => (await s3.send(new GetObjectCommand(at(Key, more)))).Body.transformToByteArray();
const same = (expected, got) => assert.ok(expected.equals(Buffer.from(got)), "the bytes differ");
const fails = (command, status, name) =>
    assert.rejects(s3.send(command), (error) => {
        assert.deepEqual([error.$metadata.httpStatusCode, error.name], [status, name], error.message);
        return true;
    });

async function uploadOfUnknownLength() {
    const params = at("js/kept", { Body: createReadStream(file), Metadata: { framework: "js" } });
    const seen = [];
    const upload = new Upload({ client: s3, params, partSize, queueSize: 3 });
    upload.on("httpUploadProgress", (progress) => seen.push(progress.loaded));
    const done = await upload.done();
    assert.match(done.ETag, /-\d+"$/);
    assert.equal(Math.max(...seen), content.length);
    await waitUntilObjectExists({ client: s3, maxWaitTime: 10, minDelay: 1 }, at("js/kept"));
    same(content, await read("js/kept", { ChecksumMode: "ENABLED" }));
}

async function smallUpload() {
    await new Upload({ client: s3, params: at("js/small", { Body: "small" }) }).done();
    same(Buffer.from("small"), await read("js/small"));
}

async function stoppedUpload() {
    const endless = Readable.from((function* () { for (;;) yield Buffer.alloc(1024 * 1024); })());
    const upload = new Upload({ client: s3, params: at("js/stopped", { Body: endless }), partSize });
    upload.on("httpUploadProgress", () => upload.abort());
    await assert.rejects(upload.done(), { name: "AbortError" });
    await fails(new HeadObjectCommand(at("js/stopped")), 404, "NotFound");
}

async function streamBody() {
    const more = { Body: createReadStream(file), ContentLength: content.length, ContentType: "application/x-weights" };
    await s3.send(new PutObjectCommand(at("js/stream", more)));
    const head = await s3.send(new HeadObjectCommand(at("js/stream", { ChecksumMode: "ENABLED" })));
    assert.deepEqual([head.ContentLength, head.ContentType], [content.length, "application/x-weights"]);
    assert.equal(head.ContentEncoding, undefined, "aws-chunked is no property of the object");
    assert.ok(head.ChecksumCRC32 || head.ChecksumCRC64NVME);
    const got = await s3.send(new GetObjectCommand(at("js/stream")));
    const pieces = [];
    for await (const piece of got.Body) pieces.push(piece);
    same(content, Buffer.concat(pieces));
}

async function emptyBody() {
    await s3.send(new PutObjectCommand(at("js/empty", { Body: "" })));
    same(Buffer.alloc(0), await read("js/empty"));
    await fails(new GetObjectCommand(at("js/empty", { Range: "bytes=0-9" })), 416, "InvalidRange");
}

async function ranges() {
    const size = content.length;
    const asked = [
        ["bytes=100-199", 100, 200],
        ["bytes=-7", size - 7, size],
        [`bytes=${partSize - 3}-${partSize + 2}`, partSize - 3, partSize + 3],
        [`bytes=${size - 2}-`, size - 2, size],
    ];
    for (const [Range, from, to] of asked) {
        const got = await s3.send(new GetObjectCommand(at("js/kept", { Range })));
        assert.equal(got.$metadata.httpStatusCode, 206);
        assert.equal(got.ContentRange, `bytes ${from}-${to - 1}/${size}`);
        same(content.subarray(from, to), await got.Body.transformToByteArray());
    }
    same(content.subarray(partSize, 2 * partSize), await read("js/kept", { PartNumber: 2 }));
    await fails(new GetObjectCommand(at("js/kept", { Range: `bytes=${size}-` })), 416, "InvalidRange");
}

async function checksums() {
    for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
        const Key = `js/checksum ${algorithm}`;
        await s3.send(new PutObjectCommand(at(Key, { Body: "weights", ChecksumAlgorithm: algorithm })));
        const got = await s3.send(new GetObjectCommand(at(Key, { ChecksumMode: "ENABLED" })));
        assert.equal(await got.Body.transformToString(), "weights");
        assert.ok(got[`Checksum${algorithm}`], algorithm);
        await s3.send(new DeleteObjectCommand(at(Key)));
    }
    const wrong = at("js/wrong", { Body: "x", ChecksumSHA256: `${"A".repeat(43)}=` });
    await fails(new PutObjectCommand(wrong), 400, "BadDigest");
    const ObjectAttributes = ["Checksum", "ETag", "ObjectParts", "ObjectSize"];
    const attributes = await s3.send(new GetObjectAttributesCommand(at("js/kept", { ObjectAttributes })));
    assert.equal(attributes.ObjectSize, content.length);
    assert.equal(attributes.ObjectParts.TotalPartsCount, Math.ceil(content.length / partSize));
}

async function conditions() {
    const first = await s3.send(new PutObjectCommand(at("js/lock", { Body: "one", IfNoneMatch: "*" })));
    await fails(new PutObjectCommand(at("js/lock", { Body: "two", IfNoneMatch: "*" })), 412, "PreconditionFailed");
    await s3.send(new PutObjectCommand(at("js/lock", { Body: "two", IfMatch: first.ETag })));
    await fails(new PutObjectCommand(at("js/lock", { Body: "3", IfMatch: first.ETag })), 412, "PreconditionFailed");
    await fails(new GetObjectCommand(at("js/lock", { IfMatch: first.ETag })), 412, "PreconditionFailed");
    const now = await s3.send(new HeadObjectCommand(at("js/lock")));
    await assert.rejects(s3.send(new GetObjectCommand(at("js/lock", { IfNoneMatch: now.ETag }))), (error) => {
        assert.equal(error.$metadata.httpStatusCode, 304);
        return true;
    });
    same(Buffer.from("two"), await read("js/lock"));
}

async function multipartByHand() {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(at("js/parts")));
    const part = (PartNumber, more) => at("js/parts", { UploadId, PartNumber, ...more });
    const first = await s3.send(new UploadPartCommand(part(1, { Body: content.subarray(0, partSize) })));
    const source = { CopySource: `${bucket}/js/kept`, CopySourceRange: `bytes=${partSize}-${content.length - 1}` };
    const second = await s3.send(new UploadPartCopyCommand(part(2, source)));
    const listed = await s3.send(new ListPartsCommand(at("js/parts", { UploadId })));
    assert.deepEqual(listed.Parts.map(({ Size }) => Size), [partSize, content.length - partSize]);
    const Parts = [first.ETag, second.CopyPartResult.ETag].map((ETag, n) => ({ ETag, PartNumber: n + 1 }));
    await s3.send(new CompleteMultipartUploadCommand(at("js/parts", { UploadId, MultipartUpload: { Parts } })));
    same(content, await read("js/parts"));
    const other = await s3.send(new CreateMultipartUploadCommand(at("js/gone")));
    await s3.send(new AbortMultipartUploadCommand(at("js/gone", { UploadId: other.UploadId })));
    await assert.rejects(s3.send(new ListPartsCommand(at("js/gone", { UploadId: other.UploadId }))), NoSuchUpload);
}

async function copies() {
    await s3.send(new CopyObjectCommand(at("js/copy of it", { CopySource: `${bucket}/js/kept` })));
    const head = await s3.send(new HeadObjectCommand(at("js/copy of it")));
    assert.equal(head.Metadata.framework, "js");
    same(content, await read("js/copy of it"));
    const missing = at("js/copy of it", { CopySource: `${bucket}/js/nothing` });
    await assert.rejects(s3.send(new CopyObjectCommand(missing)), NoSuchKey);
}

async function listing() {
    const keys = [];
    let pages = 0;
    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket: bucket, Prefix: "js/" })) {
        keys.push(...page.Contents.map(({ Key }) => Key));
        pages += 1;
    }
    const names = ["copy of it", "empty", "kept", "lock", "parts", "small", "stream"];
    assert.deepEqual(keys, names.map((name) => `js/${name}`));
    assert.equal(pages, 3);
    const folded = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Delimiter: "/" }));
    assert.deepEqual(folded.CommonPrefixes, [{ Prefix: "js/" }]);
}

async function addresses() {
    const put = await getSignedUrl(s3, new PutObjectCommand(at("js/a ü+b")), { expiresIn: 60 });
    assert.equal((await fetch(put, { method: "PUT", body: "by address" })).status, 200);
    const get = await getSignedUrl(s3, new GetObjectCommand(at("js/a ü+b")), { expiresIn: 60 });
    const reply = await fetch(get);
    assert.deepEqual([reply.status, await reply.text()], [200, "by address"]);
    assert.equal((await fetch(get.replace("X-Amz-Signature=", "X-Amz-Signature=0"))).status, 403);
}

async function errors() {
    await assert.rejects(s3.send(new GetObjectCommand(at("js/nothing"))), NoSuchKey);
    await assert.rejects(s3.send(new HeadObjectCommand(at("js/nothing"))), NotFound);
    const other = `${bucket}-is-not-there`;
    await assert.rejects(s3.send(new ListObjectsV2Command({ Bucket: other })), NoSuchBucket);
    await assert.rejects(s3.send(new HeadBucketCommand({ Bucket: other })), NotFound);
    await fails(new DeleteBucketCommand({ Bucket: bucket }), 409, "BucketNotEmpty");
    const stranger = new S3Client({ forcePathStyle: true, credentials: { accessKeyId: "who", secretAccessKey: "x" } });
    await assert.rejects(stranger.send(new HeadObjectCommand(at("js/kept"))), (error) => {
        assert.equal(error.$metadata.httpStatusCode, 403);
        return true;
    });
}

async function many() {
    const writes = Array.from({ length: 64 }, (_, n) => at(`js/many/${n}`, { Body: Buffer.alloc(20_000, n) }));
    await Promise.all(writes.map((write) => s3.send(new PutObjectCommand(write))));
    const bodies = await Promise.all(writes.map(({ Key }) => read(Key)));
    bodies.forEach((body, n) => same(writes[n].Body, body));
}

async function deletion() {
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
    const Objects = listed.Contents.map(({ Key }) => ({ Key })).filter(({ Key }) => Key !== "js/kept");
    const deleted = await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    assert.equal(deleted.Deleted.length, Objects.length);
    assert.equal(deleted.Errors, undefined);
    await waitUntilObjectNotExists({ client: s3, maxWaitTime: 10, minDelay: 1 }, at("js/lock"));
    const left = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
    assert.deepEqual(left.Contents.map(({ Key }) => Key), ["js/kept"]);
}

await s3.send(new CreateBucketCommand({ Bucket: bucket }));
for (const step of [uploadOfUnknownLength, smallUpload, stoppedUpload, streamBody, emptyBody, ranges, checksums,
    conditions, multipartByHand, copies, listing, addresses, errors, many, deletion]) {
    await step();
    console.log(step.name);
}
