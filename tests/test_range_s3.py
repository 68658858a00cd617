"""S3 in the range, as boto3, the AWS CLI and plain HTTP see it."""

import base64
import hashlib
import io
import json
import os
import re
import urllib.error
import urllib.request
import zlib

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def s3(range):
    return range.client("s3")


@pytest.fixture
def bucket(s3, request):
    """A bucket of the test's own."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-") + "-b"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def account(range):
    return range.client("sts").get_caller_identity()["Account"]


def refused(call, code, status=None):
    """The call fails with this code; hands back the error."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert answer["Error"]["Code"] == code, answer
    if status:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
    return answer["Error"]


def user(range, name, *statements):
    """A user with an inline policy; hands back an S3 client and the user's ARN."""
    iam = range.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if statements:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return range.client("s3", key["AccessKeyId"], key["SecretAccessKey"]), arn


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def get(url, method="GET", headers=None, data=None):
    """Plain HTTP: status, headers, body."""
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=data)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def open_to_public(s3, bucket, action="s3:GetObject", resource="/*", **more):
    s3.delete_public_access_block(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}{resource}", **more}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


# buckets


def test_a_bucket_lives_and_dies(s3, range):
    made = s3.create_bucket(Bucket="life-of-a-bucket")
    assert made["Location"] == "/life-of-a-bucket"
    head = s3.head_bucket(Bucket="life-of-a-bucket")
    assert head["BucketRegion"] == "us-east-1"
    headers = head["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-bucket-region"] == "us-east-1"
    assert headers["x-amz-request-id"] and headers["x-amz-id-2"]
    assert "life-of-a-bucket" in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket="life-of-a-bucket")["LocationConstraint"] is None
    s3.put_object(Bucket="life-of-a-bucket", Key="k", Body=b"x")
    error = refused(lambda: s3.delete_bucket(Bucket="life-of-a-bucket"), "BucketNotEmpty", 409)
    assert error["Message"] == "The bucket you tried to delete is not empty" and error["BucketName"] == "life-of-a-bucket"
    s3.delete_object(Bucket="life-of-a-bucket", Key="k")
    s3.delete_bucket(Bucket="life-of-a-bucket")
    refused(lambda: s3.head_bucket(Bucket="life-of-a-bucket"), "404", 404)
    error = refused(lambda: s3.list_objects_v2(Bucket="life-of-a-bucket"), "NoSuchBucket", 404)
    assert error["BucketName"] == "life-of-a-bucket" and error["Message"] == "The specified bucket does not exist"


def test_an_error_names_its_request(s3, range):
    status, headers, body = get(f"{range.endpoint}/no-such-bucket-here/k")
    assert status == 404 and headers["Content-Type"] == "application/xml"
    text = body.decode()
    assert f"<RequestId>{headers['x-amz-request-id']}</RequestId><HostId>{headers['x-amz-id-2']}</HostId>" in text
    assert "<Code>NoSuchBucket</Code>" in text and "<BucketName>no-such-bucket-here</BucketName>" in text


def test_locations(range, s3):
    there = range.client("s3", region="eu-west-1")
    refused(lambda: there.create_bucket(Bucket="location-none"), "IllegalLocationConstraintException", 400)
    for constraint, code in [("eu-central-1", "IllegalLocationConstraintException"), ("mars-north-1x", "InvalidLocationConstraint"), ("us-east-1", "InvalidLocationConstraint")]:
        configuration = {"LocationConstraint": constraint}
        refused(lambda: there.create_bucket(Bucket="location-bad", CreateBucketConfiguration=configuration), code, 400)
    made = there.create_bucket(Bucket="location-there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert made["Location"] == "http://location-there.s3.amazonaws.com/"
    assert s3.get_bucket_location(Bucket="location-there")["LocationConstraint"] == "eu-west-1"
    refused(lambda: there.create_bucket(Bucket="location-there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}), "BucketAlreadyOwnedByYou", 409)


@pytest.mark.parametrize("name", ["ab", "UPPER", "under_score", "a..b", "192.168.0.1", "-abc", "abc-s3alias", "a" * 64])
def test_bucket_names_have_rules(s3, name):
    assert refused(lambda: s3.create_bucket(Bucket=name), "InvalidBucketName", 400)["BucketName"] == name


def test_buckets_are_listed_in_pages(s3):
    names = [f"paged-bucket-{n}" for n in "abc"]
    for name in names:
        s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=names[0])  # in us-east-1 the owner may
    pages = s3.get_paginator("list_buckets").paginate(Prefix="paged-bucket-", PaginationConfig={"PageSize": 2})
    pages = [[b["Name"] for b in page["Buckets"]] for page in pages]
    assert pages == [names[:2], names[2:]]


# objects


def test_an_object_comes_back_as_it_was(s3, bucket):
    body = bytes(i % 251 for i in __import__("builtins").range(100_000))
    put = s3.put_object(Bucket=bucket, Key="a/ö +&?.bin", Body=body, ContentType="image/x", CacheControl="no-store", ContentDisposition='attachment; filename="x"', ContentEncoding="gzip", ContentLanguage="de", Metadata={"Owner": "anna", "n": "1"})
    etag = f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ETag"] == etag and put["ServerSideEncryption"] == "AES256" and "VersionId" not in put
    assert put["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    got = s3.get_object(Bucket=bucket, Key="a/ö +&?.bin")
    assert got["Body"].read() == body
    for answer in (got, s3.head_object(Bucket=bucket, Key="a/ö +&?.bin")):
        assert answer["ETag"] == etag and answer["ContentLength"] == len(body) and answer["AcceptRanges"] == "bytes"
        assert answer["ContentType"] == "image/x" and answer["CacheControl"] == "no-store" and answer["ContentEncoding"] == "gzip"
        assert answer["ContentDisposition"] == 'attachment; filename="x"' and answer["ContentLanguage"] == "de"
        assert answer["Metadata"] == {"owner": "anna", "n": "1"} and answer["ServerSideEncryption"] == "AES256"
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"] and got["ChecksumType"] == "FULL_OBJECT"


def test_empty_objects(s3, bucket):
    s3.put_object(Bucket=bucket, Key="empty")
    got = s3.get_object(Bucket=bucket, Key="empty")
    assert got["Body"].read() == b"" and got["ContentLength"] == 0 and got["ContentType"] == "binary/octet-stream"
    assert got["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_kept(s3, bucket, algorithm):
    body = b"123456789"
    known = {
        "CRC32": "cbf43926", "CRC32C": "e3069283", "CRC64NVME": "ae8b14860a799888",
        "SHA1": hashlib.sha1(body).hexdigest(), "SHA256": hashlib.sha256(body).hexdigest(),
    }
    value = base64.b64encode(bytes.fromhex(known[algorithm])).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=body, **{f"Checksum{algorithm}": value})
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == value and head["ChecksumType"] == "FULL_OBJECT"
    assert f"Checksum{algorithm}" not in s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-1")
    wrong = base64.b64encode(bytes(len(bytes.fromhex(known[algorithm])))).decode()
    error = refused(lambda: s3.put_object(Bucket=bucket, Key="bad", Body=body, **{f"Checksum{algorithm}": wrong}), "BadDigest", 400)
    assert error["Message"] == f"The {algorithm} you specified did not match the calculated checksum."
    refused(lambda: s3.put_object(Bucket=bucket, Key="bad", Body=body, **{f"Checksum{algorithm}": "AA=="}), "InvalidRequest", 400)
    refused(lambda: s3.head_object(Bucket=bucket, Key="bad"), "404")


def test_content_md5(s3, bucket):
    right = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=right)
    error = refused(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"y", ContentMD5=right), "BadDigest", 400)
    assert error["Message"] == "The Content-MD5 you specified did not match what we received."
    refused(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"y", ContentMD5="YWJj"), "InvalidDigest", 400)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_ranges(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for header, body, shown in [("bytes=0-3", b"0123", "bytes 0-3/10"), ("bytes=7-", b"789", "bytes 7-9/10"), ("bytes=-2", b"89", "bytes 8-9/10"), ("bytes=8-100", b"89", "bytes 8-9/10")]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=header)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert (got["Body"].read(), got["ContentRange"], got["ContentLength"]) == (body, shown, len(body))
        assert s3.head_object(Bucket=bucket, Key="k", Range=header)["ContentLength"] == len(body)
    for header in ["bytes=3-1", "lines=1-2", "bytes=0-1,3-4"]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=header)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 200 and len(got["Body"].read()) == 10
    error = refused(lambda: s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-"), "InvalidRange", 416)
    assert error["ActualObjectSize"] == "10" and error["RangeRequested"] == "bytes=10-"


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    hour = __import__("datetime").timedelta(hours=1)
    for good in [{"IfMatch": etag}, {"IfNoneMatch": '"other"'}, {"IfModifiedSince": modified - hour}, {"IfUnmodifiedSince": modified}, {"IfMatch": etag, "IfUnmodifiedSince": modified - hour}]:
        assert s3.get_object(Bucket=bucket, Key="k", **good)["Body"].read() == b"x"
    for bad in [{"IfMatch": '"other"'}, {"IfUnmodifiedSince": modified - hour}]:
        refused(lambda: s3.get_object(Bucket=bucket, Key="k", **bad), "PreconditionFailed", 412)
        refused(lambda: s3.head_object(Bucket=bucket, Key="k", **bad), "412", 412)
    for same in [{"IfNoneMatch": etag}, {"IfModifiedSince": modified}]:
        refused(lambda: s3.get_object(Bucket=bucket, Key="k", **same), "304", 304)
        refused(lambda: s3.head_object(Bucket=bucket, Key="k", **same), "304", 304)


def test_conditional_writes(s3, bucket):
    refused(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"0", IfMatch='"x"'), "NoSuchKey", 404)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    error = refused(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*"), "PreconditionFailed", 412)
    assert error["Condition"] == "If-None-Match"
    refused(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch='"x"'), "PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_what_is_not_there_and_what_is_too_long(s3, bucket):
    error = refused(lambda: s3.get_object(Bucket=bucket, Key="nope"), "NoSuchKey", 404)
    assert error["Key"] == "nope" and error["Message"] == "The specified key does not exist."
    refused(lambda: s3.head_object(Bucket=bucket, Key="nope"), "404", 404)
    error = refused(lambda: s3.put_object(Bucket=bucket, Key="k" * 1025), "KeyTooLongError", 400)
    assert error["MaxSizeAllowed"] == "1024"
    refused(lambda: s3.put_object(Bucket=bucket, Key="k", Metadata={"m": "x" * 2048}), "MetadataTooLarge", 400)
    refused(lambda: s3.put_object(Bucket=bucket, Key="k", StorageClass="ATTIC"), "InvalidStorageClass", 400)
    assert s3.delete_object(Bucket=bucket, Key="nope")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_what_is_not_done_says_so(s3, bucket):
    for header in [{"ServerSideEncryption": "aws:kms"}, {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}, {"ObjectLockMode": "GOVERNANCE"}]:
        refused(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", **header), "NotImplemented", 501)
    refused(lambda: s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}}), "NotImplemented", 501)


def test_there_are_no_acls(s3, bucket, account):
    refused(lambda: s3.put_object(Bucket=bucket, Key="k", ACL="public-read"), "AccessControlListNotSupported", 400)
    s3.put_object(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    refused(lambda: s3.create_bucket(Bucket="with-acl", ACL="public-read"), "InvalidBucketAclWithObjectOwnership", 400)
    for acl in [s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")]:
        [grant] = acl["Grants"]
        assert grant["Permission"] == "FULL_CONTROL" and grant["Grantee"]["Type"] == "CanonicalUser"
        assert grant["Grantee"]["ID"] == acl["Owner"]["ID"] and len(acl["Owner"]["ID"]) == 64


def test_the_answers_headers_can_be_overridden(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/plain", ResponseContentDisposition="inline")
    assert got["ContentType"] == "text/plain" and got["ContentDisposition"] == "inline"


# copies


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from é+", Body=b"body", ContentType="a/b", Metadata={"m": "1"}, Tagging="t=1")
    source = {"Bucket": bucket, "Key": "from é+"}
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"body").hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"], got["TagCount"]) == (b"body", "a/b", {"m": "1"}, 1)
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"}, TaggingDirective="REPLACE")
    got = s3.head_object(Bucket=bucket, Key="to")
    assert got["Metadata"] == {"n": "2"} and got["ContentType"] == "binary/octet-stream" and "TagCount" not in got
    error = refused(lambda: s3.copy_object(Bucket=bucket, Key="from é+", CopySource=source), "InvalidRequest", 400)
    assert error["Message"].startswith("This copy request is illegal")
    refused(lambda: s3.copy_object(Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "none"}), "NoSuchKey", 404)
    refused(lambda: s3.copy_object(Bucket=bucket, Key="x", CopySource={"Bucket": "no-such-bucket-at-all", "Key": "k"}), "NoSuchBucket", 404)
    refused(lambda: s3.copy_object(Bucket=bucket, Key="x", CopySource=source, CopySourceIfMatch='"x"'), "PreconditionFailed", 412)


# lists


KEYS = ["a.txt", "photos/2006/feb.jpg", "photos/2006/jan.jpg", "photos/2007/x.jpg", "photos/readme", "z ü+%.txt"]


@pytest.fixture(scope="module")
def listed(s3):
    s3.create_bucket(Bucket="listed-bucket")
    for key in KEYS:
        s3.put_object(Bucket="listed-bucket", Key=key, Body=key.encode())
    return "listed-bucket"


def test_list_v2(s3, listed):
    page = s3.list_objects_v2(Bucket=listed)
    assert [o["Key"] for o in page["Contents"]] == KEYS and page["KeyCount"] == len(KEYS) and not page["IsTruncated"]
    first = page["Contents"][0]
    assert first["Size"] == 5 and first["StorageClass"] == "STANDARD" and first["ETag"] == f'"{hashlib.md5(b"a.txt").hexdigest()}"'
    assert "Owner" not in first and "Owner" in s3.list_objects_v2(Bucket=listed, FetchOwner=True)["Contents"][0]
    page = s3.list_objects_v2(Bucket=listed, Prefix="photos/", Delimiter="/")
    assert [o["Key"] for o in page["Contents"]] == ["photos/readme"]
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["photos/2006/", "photos/2007/"] and page["KeyCount"] == 3
    page = s3.list_objects_v2(Bucket=listed, StartAfter="photos/2006/jan.jpg")
    assert [o["Key"] for o in page["Contents"]] == KEYS[3:]
    assert "Contents" not in s3.list_objects_v2(Bucket=listed, Prefix="none")
    page = s3.list_objects_v2(Bucket=listed, MaxKeys=0)
    assert page["KeyCount"] == 0 and not page["IsTruncated"]
    refused(lambda: s3.list_objects_v2(Bucket=listed, MaxKeys=-1), "InvalidArgument", 400)
    refused(lambda: s3.list_objects_v2(Bucket=listed, ContinuationToken="!!"), "InvalidArgument", 400)


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects", "list_object_versions"])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_lists_in_pages_of_one(s3, listed, operation, delimiter):
    pages = s3.get_paginator(operation).paginate(Bucket=listed, Delimiter=delimiter, PaginationConfig={"PageSize": 1})
    seen = []
    for page in pages:
        lines = [o["Key"] for o in page.get("Contents", []) + page.get("Versions", [])]
        lines += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        assert len(lines) == 1
        seen += lines
    assert seen == (KEYS if not delimiter else ["a.txt", "photos/", "z ü+%.txt"])


def test_list_v1(s3, listed):
    page = s3.list_objects(Bucket=listed, Marker="photos/2007/x.jpg")
    assert [o["Key"] for o in page["Contents"]] == KEYS[4:] and page["Marker"] == "photos/2007/x.jpg"
    assert len(page["Contents"][0]["Owner"]["ID"]) == 64


# versions


def test_versions(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    one = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["VersionId"]
    two = s3.put_object(Bucket=bucket, Key="k", Body=b"two")["VersionId"]
    assert one != two and len(one) == 32
    for version, body in [("null", b"null"), (one, b"one"), (two, b"two")]:
        got = s3.get_object(Bucket=bucket, Key="k", VersionId=version)
        assert got["Body"].read() == body and got["VersionId"] == version
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert gone["DeleteMarker"] and gone["VersionId"]
    refused(lambda: s3.get_object(Bucket=bucket, Key="k"), "NoSuchKey", 404)
    refused(lambda: s3.get_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"]), "MethodNotAllowed", 405)
    refused(lambda: s3.get_object(Bucket=bucket, Key="k", VersionId="0" * 32), "NoSuchVersion", 404)
    refused(lambda: s3.get_object(Bucket=bucket, Key="k", VersionId="bad id"), "InvalidArgument", 400)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(v["VersionId"], v["IsLatest"]) for v in listed["Versions"]] == [(two, False), (one, False), ("null", False)]
    assert [(m["VersionId"], m["IsLatest"]) for m in listed["DeleteMarkers"]] == [(gone["VersionId"], True)]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    # Without the marker the object is back.
    back = s3.delete_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"])
    assert back["DeleteMarker"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"new null")["VersionId"] == "null"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"new null"
    error = refused(lambda: s3.delete_bucket(Bucket=bucket), "BucketNotEmpty")
    assert error["Message"].endswith("You must delete all versions in the bucket.")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    versions = [v for page in pages for v in page.get("Versions", [])]
    assert [v["VersionId"] for v in versions] == ["null", two, one]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions]})
    s3.delete_bucket(Bucket=bucket)


# deletions of many


def test_many_are_deleted_each_by_itself(s3, range, bucket):
    for key in ["keep/a", "go/b", "go/c"]:
        s3.put_object(Bucket=bucket, Key=key)
    client, arn = user(range, "s3-deleter", allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/go/*"))
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "keep/a"}, {"Key": "go/b"}, {"Key": "go/none"}]})
    assert sorted(d["Key"] for d in answer["Deleted"]) == ["go/b", "go/none"]
    [error] = answer["Errors"]
    assert error["Key"] == "keep/a" and error["Code"] == "AccessDenied"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["go/c", "keep/a"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "keep/a"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    refused(lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": []}), "MalformedXML", 400)


# uploads in parts


def test_an_upload_in_parts(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", ContentType="x/y", Metadata={"m": "1"})["UploadId"]
    where = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    bodies = {1: os.urandom(PART), 3: os.urandom(PART), 7: b"the end"}
    etags = {n: s3.upload_part(PartNumber=n, Body=body, **where)["ETag"] for n, body in bodies.items()}
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    pages = s3.get_paginator("list_parts").paginate(**where, PaginationConfig={"PageSize": 2})
    assert [(p["PartNumber"], p["Size"]) for page in pages for p in page["Parts"]] == [(n, len(b)) for n, b in bodies.items()]

    def complete(*parts):
        return s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": n, "ETag": e} for n, e in parts]}, **where)

    refused(lambda: complete((3, etags[3]), (1, etags[1])), "InvalidPartOrder", 400)
    refused(lambda: complete((1, etags[3])), "InvalidPart", 400)
    refused(lambda: complete((2, etags[1])), "InvalidPart", 400)
    refused(lambda: s3.head_object(Bucket=bucket, Key="big"), "404")
    done = complete(*etags.items())
    whole = b"".join(bodies.values())
    digest = hashlib.md5(b"".join(hashlib.md5(b).digest() for b in bodies.values())).hexdigest()
    assert done["ETag"] == f'"{digest}-3"' and done["Bucket"] == bucket and done["Key"] == "big"
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == whole and got["ContentType"] == "x/y" and got["Metadata"] == {"m": "1"}
    part = s3.get_object(Bucket=bucket, Key="big", PartNumber=3)
    assert part["Body"].read() == bodies[7] and part["PartsCount"] == 3
    refused(lambda: s3.get_object(Bucket=bucket, Key="big", PartNumber=4), "InvalidPartNumber", 416)
    refused(lambda: complete(*etags.items()), "NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_small_parts_and_aborted_uploads(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = [{"PartNumber": n, "ETag": s3.upload_part(PartNumber=n, Body=b"small", **where)["ETag"]} for n in (1, 2)]
    error = refused(lambda: s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **where), "EntityTooSmall", 400)
    assert error["ProposedSize"] == "5" and error["MinSizeAllowed"] == str(PART)
    refused(lambda: s3.upload_part(PartNumber=10001, Body=b"", **where), "InvalidArgument", 400)
    refused(lambda: s3.complete_multipart_upload(**where), "MalformedXML", 400)
    s3.abort_multipart_upload(**where)
    refused(lambda: s3.upload_part(PartNumber=1, Body=b"", **where), "NoSuchUpload", 404)
    refused(lambda: s3.abort_multipart_upload(**where), "NoSuchUpload", 404)


def test_parts_copied(s3, bucket):
    body = os.urandom(PART + 10)
    s3.put_object(Bucket=bucket, Key="from", Body=body)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    where = {"Bucket": bucket, "Key": "to", "UploadId": upload}
    source = {"Bucket": bucket, "Key": "from"}
    one = s3.upload_part_copy(PartNumber=1, CopySource=source, CopySourceRange=f"bytes=0-{PART - 1}", **where)
    two = s3.upload_part_copy(PartNumber=2, CopySource=source, CopySourceRange=f"bytes={PART}-{PART + 9}", **where)
    parts = [{"PartNumber": n, "ETag": p["CopyPartResult"]["ETag"]} for n, p in ((1, one), (2, two))]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **where)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == body


def test_boto3_moves_20_megabytes(s3, bucket):
    body = os.urandom(20 * 1024 * 1024)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big")
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back)
    assert back.getvalue() == body
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-3"') and head["ChecksumCRC32"].endswith("-3") and head["ChecksumType"] == "COMPOSITE"


# tags and settings


def test_tags(s3, bucket):
    refused(lambda: s3.get_bucket_tagging(Bucket=bucket), "NoSuchTagSet", 404)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "blue"}]
    s3.delete_bucket_tagging(Bucket=bucket)
    refused(lambda: s3.get_bucket_tagging(Bucket=bucket), "NoSuchTagSet", 404)
    s3.put_object(Bucket=bucket, Key="k", Tagging="a=1&b=x%20y")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x y"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "c", "Value": ""}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    refused(lambda: s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": twice}), "InvalidTag", 400)
    refused(lambda: s3.get_object_tagging(Bucket=bucket, Key="none"), "NoSuchKey", 404)


@pytest.mark.parametrize(
    "operation, code",
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_policy_status", "NoSuchBucketPolicy"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_settings_that_nobody_made(s3, listed, operation, code):
    assert refused(lambda: getattr(s3, operation)(Bucket=listed), code, 404)["BucketName"] == listed


def test_settings_with_a_default(s3, bucket):
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]})
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BucketKeyEnabled"]
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert "TopicConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    refused(lambda: s3.get_bucket_ownership_controls(Bucket=bucket), "OwnershipControlsNotFoundError", 404)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "ObjectWriter"}]


def test_lifecycle(s3, bucket):
    rule = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    for bad, code in [({**rule, "Expiration": {"Days": 0}}, "InvalidArgument"), ({k: v for k, v in rule.items() if k != "Expiration"}, "InvalidRequest")]:
        refused(lambda: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [bad]}), code, 400)
    refused(lambda: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule, rule]}), "InvalidArgument", 400)
    s3.delete_bucket_lifecycle(Bucket=bucket)
    refused(lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket), "NoSuchLifecycleConfiguration", 404)


# who may


def test_without_permission(s3, range, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    nobody, arn = user(range, "s3-nobody")
    error = refused(lambda: nobody.list_buckets(), "AccessDenied", 403)
    assert error["Message"] == f"User: {arn} is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action"
    error = refused(lambda: nobody.get_object(Bucket=bucket, Key="k"), "AccessDenied", 403)
    assert error["Message"] == f'User: {arn} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::{bucket}/k" because no identity-based policy allows the s3:GetObject action'
    refused(lambda: nobody.head_object(Bucket=bucket, Key="k"), "403", 403)
    refused(lambda: nobody.head_bucket(Bucket=bucket), "403", 403)
    # S3 tells everybody that a bucket does not exist.
    refused(lambda: nobody.get_object(Bucket="no-such-bucket-anywhere", Key="k"), "NoSuchBucket", 404)


def test_only_who_may_list_learns_that_a_key_is_missing(s3, range, bucket):
    reader, arn = user(range, "s3-reader", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    error = refused(lambda: reader.get_object(Bucket=bucket, Key="none"), "AccessDenied", 403)
    assert f'not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::{bucket}"' in error["Message"]
    refused(lambda: reader.head_object(Bucket=bucket, Key="none"), "403", 403)
    lister, _ = user(range, "s3-lister", allow(["s3:GetObject", "s3:ListBucket"], "*"))
    refused(lambda: lister.get_object(Bucket=bucket, Key="none"), "NoSuchKey", 404)


def test_condition_keys_of_lists(range, bucket):
    statement = allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition={"StringLike": {"s3:prefix": "home/anna/*"}})
    anna, _ = user(range, "s3-anna", statement)
    anna.list_objects_v2(Bucket=bucket, Prefix="home/anna/x")
    refused(lambda: anna.list_objects_v2(Bucket=bucket, Prefix="home/ben/"), "AccessDenied", 403)
    refused(lambda: anna.list_objects_v2(Bucket=bucket), "AccessDenied", 403)


def test_copy_needs_both_sides(s3, range, bucket):
    s3.put_object(Bucket=bucket, Key="in/k", Body=b"x")
    source = {"Bucket": bucket, "Key": "in/k"}
    writer, _ = user(range, "s3-copy-writer", allow("s3:PutObject", f"arn:aws:s3:::{bucket}/out/*"))
    refused(lambda: writer.copy_object(Bucket=bucket, Key="out/k", CopySource=source), "AccessDenied", 403)
    both, _ = user(range, "s3-copy-both", allow("s3:PutObject", f"arn:aws:s3:::{bucket}/out/*"), allow("s3:GetObject", f"arn:aws:s3:::{bucket}/in/*"))
    both.copy_object(Bucket=bucket, Key="out/k", CopySource=source)


def test_versions_have_actions_of_their_own(s3, range, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    reader, _ = user(range, "s3-plain-reader", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    refused(lambda: reader.get_object(Bucket=bucket, Key="k", VersionId=version), "AccessDenied", 403)


def test_a_bucket_policy_allows_and_denies(s3, range, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    nobody, arn = user(range, "s3-by-policy")
    refused(lambda: nobody.get_object(Bucket=bucket, Key="k"), "AccessDenied", 403)
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == document
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement, deny]}))
    error = refused(lambda: s3.get_object(Bucket=bucket, Key="k"), "AccessDenied", 403)
    assert error["Message"].endswith("with an explicit deny in a resource-based policy")
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    refused(lambda: nobody.get_object(Bucket=bucket, Key="k"), "AccessDenied", 403)


@pytest.mark.parametrize(
    "document, message",
    [
        ("not json", "Policies must be valid JSON and the first byte must be '{'"),
        ('{"Version": "2012-10-17"}', "Missing required field Statement"),
        ('{"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::listed-bucket/*"}]}', "Missing required field Principal"),
        ('{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::other/*"}]}', "Policy has invalid resource"),
        ('{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::listed-bucket"}]}', "Action does not apply to any resource(s) in statement"),
    ],
)
def test_bad_bucket_policies(s3, listed, document, message):
    assert refused(lambda: s3.put_bucket_policy(Bucket=listed, Policy=document), "MalformedPolicy", 400)["Message"] == message


def test_the_block_of_public_access(s3, range, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block == {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [public]})
    error = refused(lambda: s3.put_bucket_policy(Bucket=bucket, Policy=document), "AccessDenied", 403)
    assert "BlockPublicPolicy" in error["Message"]
    url = f"{range.endpoint}/{bucket}/k"
    assert get(url)[0] == 403
    s3.delete_public_access_block(Bucket=bucket)
    refused(lambda: s3.get_public_access_block(Bucket=bucket), "NoSuchPublicAccessBlockConfiguration", 404)
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}
    status, headers, body = get(url)
    assert (status, body) == (200, b"x")
    status, _, body = get(f"{range.endpoint}/{bucket}/none")
    assert status == 403 and b"<Code>AccessDenied</Code>" in body and b"<Message>Access Denied</Message>" in body
    assert get(url, "PUT", data=b"mine now")[0] == 403
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert get(url)[0] == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_strangers(s3, range, bucket):
    open_to_public(s3, bucket, ["s3:GetObject", "s3:PutObject"])
    url = f"{range.endpoint}/{bucket}/k"
    assert get(url, "PUT", data=b"hello")[0] == 200
    status, headers, body = get(url, headers={"Range": "bytes=1-2"})
    assert (status, body, headers["Content-Range"]) == (206, b"el", "bytes 1-2/5")
    status, _, body = get(url + "?response-content-type=text/html")
    assert status == 400 and b"Request specific response headers cannot be used for anonymous GET requests." in body
    assert get(range.endpoint + "/")[0] == 403
    status, headers, body = get(url, "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "5", b"")
    status, headers, body = get(url, headers={"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"") and headers["ETag"]


def test_presigned_urls(range, bucket):
    s3 = range.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b/ü"}, ExpiresIn=60)
    assert get(put, "PUT", data=b"by link")[0] == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü", "ResponseContentType": "text/x"}, ExpiresIn=60)
    status, headers, body = get(url)
    assert (status, body, headers["Content-Type"]) == (200, b"by link", "text/x")
    for changed in [url[:-3] + "000", url.replace("Expires=60", "Expires=61"), url.replace("text%2Fx", "text%2Fhtml")]:
        status, _, body = get(changed)
        assert changed != url and status == 403 and b"SignatureDoesNotMatch" in body


def test_presigned_urls_run_out(fresh_range):
    cloud = fresh_range()
    s3 = cloud.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="runs-out")
    s3.put_object(Bucket="runs-out", Key="k", Body=b"x")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "runs-out", "Key": "k"}, ExpiresIn=60)
    assert get(url)[0] == 200
    cloud.control("clock", {"advance": "61s"})
    status, _, body = get(url)
    assert status == 403 and b"Request has expired" in body


def test_the_expected_owner(s3, bucket, account):
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    refused(lambda: s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="000000000000"), "AccessDenied", 403)


# the trail


def test_calls_on_buckets_are_in_the_event_history(s3, range, bucket, account):
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": False})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
    s3.put_object(Bucket=bucket, Key="k")
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::193672423079:root"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    refused(lambda: s3.get_bucket_website(Bucket=bucket), "NoSuchWebsiteConfiguration")
    events = {}
    pages = range.client("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "s3.amazonaws.com"}])
    for page in pages:
        for event in page["Events"]:
            record = json.loads(event["CloudTrailEvent"])
            if (record["requestParameters"] or {}).get("bucketName") == bucket:
                events[record["eventName"]] = record
    assert "PutObject" not in events  # a data event
    block = events["PutBucketPublicAccessBlock"]
    assert block["requestParameters"]["publicAccessBlock"] == ""
    assert block["requestParameters"]["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is False
    assert block["resources"] == [{"accountId": account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]
    assert block["additionalEventData"]["AuthenticationMethod"] == "AuthHeader" and block["additionalEventData"]["SignatureVersion"] == "SigV4"
    assert block["additionalEventData"]["x-amz-id-2"] and block["readOnly"] is False and block["responseElements"] is None
    assert events["PutBucketTagging"]["requestParameters"]["Tagging"]["TagSet"] == {"Tag": {"Key": "team", "Value": "blue"}}
    assert events["PutBucketPolicy"]["requestParameters"]["bucketPolicy"]["Statement"] == [statement]
    assert events["GetBucketWebsite"]["errorCode"] == "NoSuchWebsiteConfiguration" and events["GetBucketWebsite"]["requestParameters"]["website"] == ""
    assert events["CreateBucket"]["requestParameters"]["Host"]


# the AWS CLI


def test_the_cli_copies_lists_and_syncs(range, s3, bucket, tmp_path):
    big = os.urandom(20 * 1024 * 1024)
    (tmp_path / "big.bin").write_bytes(big)
    done = range.cli("s3", "cp", tmp_path / "big.bin", f"s3://{bucket}/dir/big.bin", "--no-progress")
    assert done.returncode == 0, done.stderr
    done = range.cli("s3", "ls", f"s3://{bucket}")
    assert done.stdout.split() == ["PRE", "dir/"], done
    done = range.cli("s3", "ls", f"s3://{bucket}/dir/")
    assert done.stdout.split()[2:] == [str(len(big)), "big.bin"]
    done = range.cli("s3", "cp", f"s3://{bucket}/dir/big.bin", tmp_path / "back.bin", "--no-progress")
    assert done.returncode == 0 and (tmp_path / "back.bin").read_bytes() == big, done.stderr
    done = range.cli("s3", "cp", f"s3://{bucket}/dir/big.bin", f"s3://{bucket}/copy.bin", "--no-progress")
    assert done.returncode == 0, done.stderr
    assert s3.get_object(Bucket=bucket, Key="copy.bin")["Body"].read() == big

    tree = tmp_path / "tree"
    (tree / "sub dir").mkdir(parents=True)
    (tree / "one.txt").write_text("1")
    (tree / "sub dir" / "zwei ü.json").write_text("{}")
    # S3 keeps whole seconds: a file of this very second would look newer than its copy.
    for file in tree.rglob("*.*"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    done = range.cli("s3", "sync", tree, f"s3://{bucket}/tree")
    assert done.returncode == 0, done.stderr
    assert range.cli("s3", "sync", tree, f"s3://{bucket}/tree").stdout == ""
    assert s3.head_object(Bucket=bucket, Key="tree/sub dir/zwei ü.json")["ContentType"] == "application/json"
    out = tmp_path / "out"
    assert range.cli("s3", "sync", f"s3://{bucket}/tree", out).returncode == 0
    assert (out / "sub dir" / "zwei ü.json").read_text() == "{}"
    done = range.cli("s3", "rm", f"s3://{bucket}", "--recursive")
    assert done.returncode == 0, done.stderr
    assert range.cli("s3", "rb", f"s3://{bucket}").returncode == 0
    done = range.cli("s3", "ls", f"s3://{bucket}")
    assert done.returncode != 0 and "NoSuchBucket" in done.stderr


def test_the_cli_reads_settings(range, bucket):
    done = range.cli("s3api", "get-bucket-location", "--bucket", bucket)
    assert done.returncode == 0 and json.loads(done.stdout) == {"LocationConstraint": None}, done
    done = range.cli("s3api", "get-bucket-policy", "--bucket", bucket)
    assert done.returncode != 0 and "(NoSuchBucketPolicy)" in done.stderr
    done = range.cli("s3api", "get-public-access-block", "--bucket", bucket)
    assert json.loads(done.stdout)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True


NOWHERE = {"Bucket": "no-such-bucket-anywhere"}
OBJECT = {**NOWHERE, "Key": "k"}
UPLOAD = {**OBJECT, "UploadId": "u"}
BLOCK = {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
BY_AES = {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}}
RULES = {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}}


@pytest.mark.parametrize(
    "operation, input",
    [
        *((operation, NOWHERE) for operation in (
            "get_bucket_accelerate_configuration", "get_bucket_acl", "get_bucket_cors", "get_bucket_encryption",
            "get_bucket_lifecycle_configuration", "get_bucket_location", "get_bucket_logging",
            "get_bucket_notification_configuration", "get_bucket_ownership_controls", "get_bucket_policy",
            "get_bucket_policy_status", "get_bucket_replication", "get_bucket_request_payment", "get_bucket_tagging",
            "get_bucket_versioning", "get_bucket_website", "get_object_lock_configuration", "get_public_access_block",
            "list_multipart_uploads", "list_object_versions", "list_objects", "list_objects_v2", "delete_bucket",
            "delete_bucket_encryption", "delete_bucket_lifecycle", "delete_bucket_ownership_controls",
            "delete_bucket_policy", "delete_bucket_tagging", "delete_public_access_block",
        )),
        *((operation, OBJECT) for operation in (
            "get_object", "get_object_acl", "get_object_tagging", "create_multipart_upload", "delete_object",
            "delete_object_tagging", "put_object",
        )),
        *((operation, UPLOAD) for operation in ("abort_multipart_upload", "list_parts")),
        ("upload_part", {**UPLOAD, "PartNumber": 1}),
        ("upload_part_copy", {**UPLOAD, "PartNumber": 1, "CopySource": "no-such-bucket-anywhere/k"}),
        ("put_bucket_encryption", {**NOWHERE, **BY_AES}),
        ("put_bucket_lifecycle_configuration", {**NOWHERE, **RULES}),
        ("put_bucket_ownership_controls", {**NOWHERE, "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}),
        ("put_bucket_policy", {**NOWHERE, "Policy": "{}"}),
        ("put_bucket_tagging", {**NOWHERE, "Tagging": {"TagSet": []}}),
        ("put_bucket_versioning", {**NOWHERE, "VersioningConfiguration": {"Status": "Enabled"}}),
        ("put_object_tagging", {**OBJECT, "Tagging": {"TagSet": []}}),
        ("put_public_access_block", {**NOWHERE, **BLOCK}),
    ],
)
def test_a_bucket_that_is_not_there_is_told_by_every_operation(s3, operation, input):
    error = refused(lambda: getattr(s3, operation)(**input), "NoSuchBucket", 404)
    assert error["BucketName"] == NOWHERE["Bucket"]


def test_what_a_bucket_has_from_the_start(s3, bucket):
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    s3.put_bucket_encryption(Bucket=bucket, **BY_AES)
    s3.delete_bucket_encryption(Bucket=bucket)
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    for call, code in [
        (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
    ]:
        refused(lambda: call(Bucket=bucket), code, 404)
