"""Digest files, as the AWS CLI validates them: what a trail delivered is valid, and whatever was changed afterwards is found."""

import datetime
import gzip
import hashlib
import json

import pytest
import rsa
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
BUCKET = "digests-of-the-tests"
NAME = "validated"
ARN = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{NAME}"


def allow(s3, bucket):
    open_to = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["s3:GetBucketAcl", "s3:PutObject"]}
    statement = {**open_to, "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def make_trail(cloud, **settings):
    s3, trail = cloud.client("s3"), cloud.client("cloudtrail")
    s3.create_bucket(Bucket=BUCKET)
    allow(s3, BUCKET)
    trail.create_trail(Name=NAME, S3BucketName=BUCKET, **{"EnableLogFileValidation": True, **settings})
    trail.start_logging(Name=NAME)
    return s3, trail


def now(cloud):
    return datetime.datetime.fromisoformat(cloud.control("clock")["now"])


def hours(cloud, count):
    """Something happens, and an hour goes by, so many times."""
    for _ in range(count):
        cloud.client("iam").list_users()
        cloud.client("sts", region="eu-west-1").get_caller_identity()
        cloud.control("clock", {"advance": "PT1H"})


def keys(s3, part, bucket=BUCKET):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", []) if part in entry["Key"]]


def digest_keys(s3, region="us-east-1", account=ACCOUNT):
    return keys(s3, f"{account}/CloudTrail-Digest/{region}/")


def read(s3, key, bucket=BUCKET):
    answer = s3.get_object(Bucket=bucket, Key=key)
    content = gzip.decompress(answer["Body"].read())
    return json.loads(content), content, answer["Metadata"]


def validate(cloud, *args, region="us-east-1", start="2020-01-01T00:00:00Z", arn=ARN):
    end = (now(cloud) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    command = ["cloudtrail", "validate-logs", "--trail-arn", arn, "--start-time", start, "--end-time", end, "--verbose", "--region", region, *args]
    done = cloud.cli(*command, region=region)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def validated(fresh_range):
    """A range with three hours of digests."""
    cloud = fresh_range()
    s3, trail = make_trail(cloud, IsMultiRegionTrail=True)
    hours(cloud, 3)
    return cloud, s3, trail


def test_what_was_delivered_is_valid_in_each_region_and_over_days(validated):
    cloud, s3, _ = validated
    cloud.control("clock", {"advance": "PT26H"})
    for region, least in [("us-east-1", 28), ("eu-west-1", 27)]:
        status, said = validate(cloud, region=region)
        assert status == 0, said
        count = len(digest_keys(s3, region))
        assert count >= least
        assert f"{count}/{count} digest files valid" in said
        assert "log files valid" in said and "INVALID" not in said
    days = {key.split("/us-east-1/")[1][:10] for key in digest_keys(s3)}
    assert len(days) >= 2


def test_a_digest_has_awss_form_and_its_signature_is_by_a_listed_key(validated):
    _, s3, trail = validated
    first, second = digest_keys(s3)[:2]
    begun, _, _ = read(s3, first)
    assert [begun[name] for name in begun if name.startswith("previous")] == [None] * 5
    digest, content, metadata = read(s3, second)
    assert list(digest) == [
        "awsAccountId", "digestStartTime", "digestEndTime", "digestS3Bucket", "digestS3Object", "digestPublicKeyFingerprint",
        "digestSignatureAlgorithm", "newestEventTime", "oldestEventTime", "previousDigestS3Bucket", "previousDigestS3Object",
        "previousDigestHashValue", "previousDigestHashAlgorithm", "previousDigestSignature", "logFiles",
    ]  # fmt: skip
    assert (digest["digestS3Bucket"], digest["digestS3Object"]) == (BUCKET, second)
    assert digest["previousDigestS3Object"] == first
    assert digest["previousDigestHashValue"] == hashlib.sha256(read(s3, first)[1]).hexdigest()
    assert digest["previousDigestSignature"] == read(s3, first)[2]["signature"]
    assert digest["digestStartTime"] == begun["digestEndTime"]
    stamp = digest["digestEndTime"].replace("-", "").replace(":", "")
    day = digest["digestEndTime"][:10].replace("-", "/")
    assert second == (
        f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/{day}/{ACCOUNT}_CloudTrail-Digest_us-east-1_{NAME}_us-east-1_{stamp}.json.gz"
    )
    for listed in digest["logFiles"]:
        records, raw, _ = read(s3, listed["s3Object"])
        assert hashlib.sha256(raw).hexdigest() == listed["hashValue"]
        times = sorted(record["eventTime"] for record in records["Records"])
        assert (listed["oldestEventTime"], listed["newestEventTime"]) == (times[0], times[-1])
    # Outside of botocore: by the key that is listed.
    [listed] = trail.list_public_keys()["PublicKeyList"]
    assert listed["Fingerprint"] == digest["digestPublicKeyFingerprint"] == hashlib.md5(listed["Value"]).hexdigest()
    message = f"{digest['digestEndTime']}\n{BUCKET}/{second}\n{hashlib.sha256(content).hexdigest()}\n{digest['previousDigestSignature']}"
    key = rsa.PublicKey.load_pkcs1(listed["Value"], format="DER")
    assert rsa.verify(message.encode(), bytes.fromhex(metadata["signature"]), key) == "SHA-256"
    assert metadata["signature-algorithm"] == "SHA256withRSA"
    assert "LatestDigestDeliveryTime" in trail.get_trail_status(Name=NAME)


def test_an_hour_in_which_nothing_came_has_an_empty_digest(fresh_range):
    cloud = fresh_range()
    s3, _ = make_trail(cloud)
    cloud.control("clock", {"advance": "PT4H"})
    last, _, _ = read(s3, digest_keys(s3)[-1])
    assert (last["logFiles"], last["newestEventTime"], last["oldestEventTime"]) == ([], None, None)
    assert len(digest_keys(s3)) == 4
    assert validate(cloud)[0] == 0


def test_an_altered_and_a_deleted_log_file_are_found(validated):
    cloud, s3, _ = validated
    altered, deleted = keys(s3, "/CloudTrail/us-east-1/")[:2]
    records, _, _ = read(s3, altered)
    records["Records"][0]["eventName"] = "Nothing"
    s3.put_object(Bucket=BUCKET, Key=altered, Body=gzip.compress(json.dumps(records).encode()))
    s3.delete_object(Bucket=BUCKET, Key=deleted)
    status, said = validate(cloud)
    assert status == 1
    assert f"Log file\ts3://{BUCKET}/{altered}\tINVALID: hash value doesn't match" in said
    assert f"Log file\ts3://{BUCKET}/{deleted}\tINVALID: not found" in said


def resigned(content, metadata, change):
    """A digest that an attacker changed and signed with a key of their own."""
    digest = json.loads(content)
    change(digest)
    content = json.dumps(digest, separators=(",", ":")).encode()
    _, private = rsa.newkeys(1024)
    message = "\n".join([
        digest["digestEndTime"],
        f"{digest['digestS3Bucket']}/{digest['digestS3Object']}",
        hashlib.sha256(content).hexdigest(),
        digest["previousDigestSignature"] or "null",
    ])
    return gzip.compress(content), {**metadata, "signature": rsa.sign(message.encode(), private, "SHA-256").hex()}


@pytest.mark.parametrize("how", ["altered", "deleted", "signed again", "moved", "without a signature"])
def test_a_digest_that_was_tampered_with_is_found(validated, how):
    cloud, s3, _ = validated
    victim = digest_keys(s3)[1]
    digest, content, metadata = read(s3, victim)
    forget = lambda digest: digest.update(logFiles=[])
    if how == "altered":
        forget(digest)
        s3.put_object(Bucket=BUCKET, Key=victim, Body=gzip.compress(json.dumps(digest).encode()), Metadata=metadata)
    elif how == "deleted":
        s3.delete_object(Bucket=BUCKET, Key=victim)
    elif how == "signed again":
        body, metadata = resigned(content, metadata, forget)
        s3.put_object(Bucket=BUCKET, Key=victim, Body=body, Metadata=metadata)
    elif how == "moved":
        other = digest_keys(s3)[0]
        s3.copy_object(Bucket=BUCKET, Key=victim, CopySource={"Bucket": BUCKET, "Key": other})
    else:
        s3.put_object(Bucket=BUCKET, Key=victim, Body=gzip.compress(content))
    status, said = validate(cloud)
    assert status == 1, said
    expected = "INVALID: not found" if how == "deleted" else "INVALID"
    assert f"Digest file\ts3://{BUCKET}/{victim}\t{expected}" in said, said


def test_a_stop_leaves_a_gap_and_the_chain_begins_anew(validated):
    cloud, s3, trail = validated
    cloud.client("iam").create_user(UserName="before")
    trail.stop_logging(Name=NAME)
    stopped = trail.get_trail_status(Name=NAME)["StopLoggingTime"]
    cloud.client("iam").create_user(UserName="unseen")
    cloud.control("clock", {"advance": "PT5H"})
    before = digest_keys(s3)
    # The last one lists what came up to the stop, the stop itself too.
    last, _, _ = read(s3, before[-1])
    assert datetime.datetime.fromisoformat(last["digestEndTime"]) <= stopped + datetime.timedelta(minutes=6)
    names = [r["eventName"] for f in last["logFiles"] for r in read(s3, f["s3Object"])[0]["Records"]]
    assert "StopLogging" in names
    trail.start_logging(Name=NAME)
    hours(cloud, 2)
    after = digest_keys(s3)[len(before) :]
    first, _, _ = read(s3, after[0])
    assert first["previousDigestS3Object"] is None and first["previousDigestSignature"] is None
    everything = [r for key in keys(s3, "/CloudTrail/") for r in read(s3, key)[0]["Records"]]
    users = {(r["requestParameters"] or {}).get("userName") for r in everything if r["eventName"] == "CreateUser"}
    assert "before" in users and "unseen" not in users
    status, said = validate(cloud)
    assert status == 0, said
    assert "No log files were delivered by CloudTrail between" in said


def test_validation_that_is_switched_off_leaves_a_gap_of_digests_alone(validated):
    cloud, s3, trail = validated
    trail.update_trail(Name=NAME, EnableLogFileValidation=False)
    cloud.control("clock", {"advance": "PT1H"})
    before = len(digest_keys(s3))
    hours(cloud, 3)
    assert len(digest_keys(s3)) == before
    trail.update_trail(Name=NAME, EnableLogFileValidation=True)
    hours(cloud, 2)
    listed = {f["s3Object"] for key in digest_keys(s3) for f in read(s3, key)[0]["logFiles"]}
    assert set(keys(s3, "/CloudTrail/us-east-1/")) - listed
    assert validate(cloud)[0] == 0


def test_another_bucket_carries_the_chain_on(validated):
    cloud, s3, trail = validated
    s3.create_bucket(Bucket="another-for-digests")
    allow(s3, "another-for-digests")
    trail.update_trail(Name=NAME, S3BucketName="another-for-digests")
    hours(cloud, 2)
    key = keys(s3, "/CloudTrail-Digest/us-east-1/", "another-for-digests")[0]
    digest, _, _ = read(s3, key, "another-for-digests")
    assert (digest["previousDigestS3Bucket"], digest["previousDigestS3Object"]) == (BUCKET, digest_keys(s3)[-1])
    assert validate(cloud)[0] == 0


def test_a_bucket_that_takes_no_digests_gets_them_once_it_does(validated):
    cloud, s3, trail = validated
    s3.delete_bucket_policy(Bucket=BUCKET)
    hours(cloud, 2)
    status = trail.get_trail_status(Name=NAME)
    assert status["LatestDigestDeliveryError"] == "AccessDenied"
    allow(s3, BUCKET)
    hours(cloud, 2)
    assert "LatestDigestDeliveryError" not in trail.get_trail_status(Name=NAME)
    status, said = validate(cloud)
    assert status == 0, said


def test_keys_rotate_and_old_ones_stay_listed(fresh_range):
    cloud = fresh_range()
    s3, trail = make_trail(cloud)
    begun = now(cloud)
    hours(cloud, 1)
    cloud.control("clock", {"advance": "PT600H"})
    hours(cloud, 1)
    listed = trail.list_public_keys(StartTime=begun, EndTime=now(cloud))["PublicKeyList"]
    assert len(listed) == 2
    used = {read(s3, key)[0]["digestPublicKeyFingerprint"] for key in digest_keys(s3)}
    assert used == {key["Fingerprint"] for key in listed}
    # Another region has keys of its own, and a time before the range has none.
    other = cloud.client("cloudtrail", region="eu-west-1").list_public_keys()["PublicKeyList"]
    assert {key["Fingerprint"] for key in other}.isdisjoint(used)
    assert trail.list_public_keys(StartTime=begun - datetime.timedelta(days=9), EndTime=begun - datetime.timedelta(days=8))["PublicKeyList"] == []
    assert validate(cloud)[0] == 0


def test_the_time_of_keys_must_not_be_turned_round(validated):
    cloud, _, trail = validated
    with pytest.raises(ClientError) as caught:
        trail.list_public_keys(StartTime=now(cloud), EndTime=now(cloud) - datetime.timedelta(days=1))
    assert caught.value.response["Error"]["Code"] == "InvalidTimeRangeException"


def test_an_organisations_trail_has_digests_of_each_account(fresh_range):
    cloud = fresh_range()
    organization = cloud.client("organizations")
    identity = organization.create_organization()["Organization"]["Id"]
    organization.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    made = organization.create_account(AccountName="Member", Email="member@example.com")["CreateAccountStatus"]
    member = organization.describe_create_account_status(CreateAccountRequestId=made["Id"])["CreateAccountStatus"]["AccountId"]
    s3, _ = make_trail(cloud, IsOrganizationTrail=True, IsMultiRegionTrail=True)
    role = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    # The root of an account assumes nothing: a user does.
    iam = cloud.client("iam")
    iam.create_user(UserName="goes-over")
    iam.attach_user_policy(UserName="goes-over", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName="goes-over")["AccessKey"]
    sts = cloud.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    session = sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    inside = cloud.client("iam", key=session["AccessKeyId"], secret=session["SecretAccessKey"], token=session["SessionToken"])
    inside.list_users()
    hours(cloud, 3)
    assert keys(s3, f"AWSLogs/{identity}/{member}/CloudTrail-Digest/us-east-1/")
    for account in [ACCOUNT, member]:
        status, said = validate(cloud, "--account-id", account)
        assert status == 0, said
        assert "digest files valid" in said and "log files valid" in said


def test_digests_go_on_after_a_restart(fresh_range, tmp_path):
    data = tmp_path / "data"
    cloud = fresh_range("--data", str(data))
    s3, _ = make_trail(cloud)
    hours(cloud, 2)
    cloud.process.kill()
    cloud.process.wait()
    cloud = fresh_range("--data", str(data))
    s3 = cloud.client("s3")
    hours(cloud, 2)
    status, said = validate(cloud)
    assert status == 0, said
    begun = [key for key in digest_keys(s3) if read(s3, key)[0]["previousDigestS3Object"] is None]
    assert len(begun) == 1
    # The keys' private half is nowhere in clear.
    digest, _, _ = read(s3, digest_keys(s3)[-1])
    assert b"PRIVATE KEY" not in b"".join(p.read_bytes() for p in data.rglob("*") if p.is_file())
