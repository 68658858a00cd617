"""`stockade trail validate` on what the range wrote, in the bucket and copied by the AWS CLI: case by case beside `aws cloudtrail validate-logs`."""

import gzip
import json

import pytest

from conftest import run
from test_range_cloudtrail_digests import ACCOUNT, BUCKET, NAME, digest_keys, hours, keys, make_trail, read, resigned, validate


@pytest.fixture
def validated(fresh_range):
    cloud = fresh_range()
    s3, trail = make_trail(cloud, IsMultiRegionTrail=True)
    hours(cloud, 4)
    return cloud, s3, trail


def verdicts(done):
    report = json.loads(done.stdout)
    return {on["file"].rsplit("/", 1)[-1]: on["verdict"] for on in report["digests"] + report["logs"]}, report


def online(cloud):
    return cloud.stockade("trail", "validate", "--json", f"s3://{BUCKET}/AWSLogs/")


def copied(cloud, s3, folder):
    """As a responder copies: files, keys, and the signatures of the newest digests."""
    assert cloud.cli("s3", "cp", "--recursive", f"s3://{BUCKET}/", folder / "copy").returncode == 0
    listed = [cloud.cli("cloudtrail", "list-public-keys", "--start-time", "2020-01-01", region=region).stdout for region in ["us-east-1", "eu-west-1"]]
    (folder / "keys.json").write_text("".join(listed))
    newest = [digest_keys(s3, region)[-1] for region in ["us-east-1", "eu-west-1"]]
    signatures = {key.rsplit("/", 1)[-1]: read(s3, key)[2]["signature"] for key in newest}
    (folder / "signatures.json").write_text(json.dumps(signatures))


def offline(folder, *args):
    return run("trail", "validate", *args, "--keys", folder / "keys.json", "--signatures", folder / "signatures.json", folder / "copy")


def name(key):
    return key.rsplit("/", 1)[-1]


def test_what_was_delivered_is_valid_in_the_bucket_and_copied(validated, tmp_path):
    cloud, s3, trail = validated
    done = online(cloud)
    assert done.returncode == 0, done.stdout + done.stderr
    found, _ = verdicts(done)
    assert len(found) == len(keys(s3, ".json.gz")) and set(found.values()) == {"valid"}
    copied(cloud, s3, tmp_path)
    # The bucket is gone, and so is the trail.
    trail.delete_trail(Name=NAME)
    done = offline(tmp_path, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(done)[0] == found
    said = offline(tmp_path)
    assert said.returncode == 0 and "digests: 8 valid" in said.stdout


def test_without_signatures_nothing_is_proved_and_without_keys_there_is_no_answer(validated, tmp_path):
    cloud, s3, _ = validated
    copied(cloud, s3, tmp_path)
    done = run("trail", "validate", "--json", "--keys", tmp_path / "keys.json", tmp_path / "copy")
    assert done.returncode == 3
    assert set(verdicts(done)[0].values()) == {"unknown"}
    assert run("trail", "validate", tmp_path / "copy").returncode == 2
    (tmp_path / "none").mkdir()
    assert run("trail", "validate", "--keys", tmp_path / "keys.json", tmp_path / "none").returncode == 2
    assert run("trail", "validate", "--keys", tmp_path / "keys.json", tmp_path / "not-there").returncode == 2
    (tmp_path / "wrong.json").write_text("{")
    done = run("trail", "validate", "--keys", tmp_path / "wrong.json", tmp_path / "copy")
    assert done.returncode == 2 and "list-public-keys" in done.stderr


@pytest.mark.parametrize("how", ["log altered", "log deleted", "digest altered", "digest deleted", "digest signed again"])
def test_both_find_what_was_tampered_with(validated, tmp_path, how):
    cloud, s3, _ = validated
    log, digest = keys(s3, "/CloudTrail/us-east-1/")[1], digest_keys(s3)[1]
    content, raw, metadata = read(s3, digest)
    if how == "log altered":
        s3.put_object(Bucket=BUCKET, Key=log, Body=gzip.compress(b'{"Records":[]}'))
    elif how == "log deleted":
        s3.delete_object(Bucket=BUCKET, Key=log)
    elif how == "digest altered":
        s3.put_object(Bucket=BUCKET, Key=digest, Body=gzip.compress(json.dumps({**content, "logFiles": []}).encode()), Metadata=metadata)
    elif how == "digest deleted":
        s3.delete_object(Bucket=BUCKET, Key=digest)
    else:
        body, changed = resigned(raw, metadata, lambda digest: digest.update(logFiles=[]))
        s3.put_object(Bucket=BUCKET, Key=digest, Body=body, Metadata=changed)
    status, said = validate(cloud)
    victim = log if how.startswith("log") else digest
    assert status == 1 and f"{victim}\tINVALID" in said
    expected = "missing" if "deleted" in how else "altered"
    done = online(cloud)
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdicts(done)[0][name(victim)] == expected
    # What AWS's own client calls valid is not called bad here.
    for line in said.splitlines():
        if line.endswith("\tvalid"):
            assert verdicts(done)[0][name(line.split("\t")[1])] == "valid", line
    copied(cloud, s3, tmp_path)
    done = offline(tmp_path, "--json")
    assert done.returncode == 1
    assert verdicts(done)[0][name(victim)] == expected


def test_files_that_were_exchanged_or_added_are_found_too(validated, tmp_path):
    cloud, s3, _ = validated
    one, other = keys(s3, "/CloudTrail/us-east-1/")[:2]
    bodies = {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in (one, other)}
    s3.put_object(Bucket=BUCKET, Key=one, Body=bodies[other])
    s3.put_object(Bucket=BUCKET, Key=other, Body=bodies[one])
    added = one.replace(".json.gz", "x.json.gz")
    s3.put_object(Bucket=BUCKET, Key=added, Body=bodies[one])
    done = online(cloud)
    assert done.returncode == 1
    found, _ = verdicts(done)
    assert (found[name(one)], found[name(other)], found[name(added)]) == ("re-ordered", "re-ordered", "added")


def test_a_stop_is_a_gap_with_its_times(validated):
    cloud, s3, trail = validated
    trail.stop_logging(Name=NAME)
    cloud.control("clock", {"advance": "PT3H"})
    ended = read(s3, digest_keys(s3)[-1])[0]["digestEndTime"]
    trail.start_logging(Name=NAME)
    begun = trail.get_trail_status(Name=NAME)["StartLoggingTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
    hours(cloud, 2)
    done = online(cloud)
    assert done.returncode == 3, done.stdout + done.stderr
    found, report = verdicts(done)
    assert set(found.values()) == {"valid"}
    gap = next(gap for gap in report["gaps"] if gap["chain"] == f"{ACCOUNT}/us-east-1/{NAME}")
    assert (gap["from"], gap["to"]) == (ended, begun)
    said = cloud.stockade("trail", "validate", f"s3://{BUCKET}/")
    assert f"from {ended} to {begun}" in said.stdout
