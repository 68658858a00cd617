"""`stockade hunt` and `stockade rules` on real logs, on rules of others, and on broken input."""

import functools
import gzip
import json
import re
import subprocess

import pytest

from conftest import DATA, binary, clean_env, run
from response import PANIC, complains

LOGS = DATA / "cloudtrail-invictus"
SIGMA = DATA / "sigma-aws"
BERT_JAN = "arn:aws:iam::123837392027:user/bert-jan"
# The attack of the published case: https://github.com/invictus-ir/aws_dataset
ADDRESSES = {"192.168.10.20", "10.8.8.10"}


@pytest.fixture
def hunt(tmp_path):
    env = clean_env(tmp_path)

    def hunt(*args, **more):
        done = run("hunt", *args, env=env, **more)
        assert not PANIC.search(done.stderr), done.stderr
        return done

    return hunt


@functools.cache
def found(*args):
    """What a hunt with these arguments finds in the real logs, as JSON."""
    env = {"PATH": "/usr/bin:/bin"}
    return json.loads(run("hunt", "--format", "json", *args, LOGS, env=env).stdout)


def document(done):
    return json.loads(done.stdout)


def event(name="ListBuckets", **more):
    return {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/anna", "accountId": "123456789012", "userName": "anna"},
        "eventTime": "2026-03-01T09:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.5",
        "userAgent": "aws-cli/2.0",
        "eventID": "00000000-0000-4000-8000-000000000001",
        "eventType": "AwsApiCall",
        "recipientAccountId": "123456789012",
        **more,
    }


def test_the_attacks_in_the_real_logs_are_found_and_told_in_order(hunt):
    done = hunt(LOGS)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("2900 events in 55 files"), done.stdout[:200]
    story = done.stdout.split(BERT_JAN)[1]
    assert ADDRESSES <= set(re.findall(r"\d+\.\d+\.\d+\.\d+", story))
    for seen in ("CloudTrail stopped or deleted", "Trust of an existing role given to a foreign account", "Disk snapshot shared"):
        assert seen in story, seen
    titles = ["CREDENTIAL ACCESS  2023", "EXECUTION  2023", "DEFENSE EVASION  2023", "DISCOVERY  2023", "EXFILTRATION  2023", "PERSISTENCE  2023"]
    places = [story.index(title) for title in titles]
    assert places == sorted(places), "tactics in the order of their beginning"


def test_the_json_says_the_same_and_points_to_its_proof(hunt):
    done = hunt("--format", "json", LOGS)
    assert done.returncode == 1 and done.stderr == ""
    told = document(done)
    assert told["version"] == 1 and told["summary"]["events"] == 2900 and told["summary"]["skipped"] == 0
    stories = {story["principal"]: story for story in told["stories"]}
    assert BERT_JAN in stories
    by_bert_jan = [finding for finding in told["findings"] if finding.get("principal") == BERT_JAN]
    assert len(by_bert_jan) > 20
    proof = by_bert_jan[0]["proof"][0]
    name = re.search(r"218007301253_CloudTrail_[\w-]+\.json\.gz", json.dumps(proof))[0]
    records = json.loads(gzip.decompress(next(LOGS.rglob(name)).read_bytes()))["Records"]
    assert any(record["eventID"] in json.dumps(proof) for record in records), "the proof names an event of that file"


def test_rules_of_others_load_unchanged_and_alone(hunt):
    alone = hunt("--format", "json", "--only-rules", "--rules", SIGMA, LOGS)
    assert alone.returncode == 1, alone.stderr
    both = found("--rules", SIGMA)["summary"]["detections"]
    own = found()["summary"]["detections"]
    assert document(alone)["summary"]["detections"] + own == both
    assert document(alone)["findings"], "SigmaHQ's rules find the attack too"
    complains(hunt("--only-rules", LOGS), "--rules", "Usage:")


def test_what_is_less_bad_can_be_left_out(hunt):
    severities = [finding["severity"] for finding in found()["findings"]]
    high = found("--min-level", "high")["findings"]
    assert 0 < len(high) < len(severities)
    assert len(high) == sum(severity in ("high", "critical") for severity in severities)
    assert "critical" not in severities, "or the next line proves nothing"
    assert hunt("--min-level", "critical", LOGS).returncode == 0
    complains(hunt("--min-level", "awful", LOGS), "awful", "critical")


def test_a_span_of_time_is_all_that_is_looked_at(hunt):
    span = ("--since", "2023-07-10T12:00:00Z", "--until", "2023-07-10T12:10:00Z")
    read = document(hunt("--format", "json", *span, LOGS))["summary"]
    assert 0 < read["events"] < 2900
    assert "2023-07-10T12:00:00Z" <= read["first"] < read["last"] <= "2023-07-10T12:10:00Z"
    complains(hunt("--since", "yesterday", LOGS), "yesterday", "--since")
    # Nothing in the span is no clean bill: it says so.
    empty = hunt("--since", "2030-01-01T00:00:00Z", LOGS)
    complains(empty, "2900 events", "check --since")


def test_standard_input_is_read_too(hunt):
    stopped = event("StopLogging", eventSource="cloudtrail.amazonaws.com")
    # With the id of another event, which must not hide it.
    done = hunt("--format", "json", "-", input=json.dumps(stopped) + "\n" + json.dumps(event()))
    assert done.returncode == 1, done.stdout
    assert document(done)["summary"]["events"] == 2
    assert [finding["title"] for finding in document(done)["findings"]] == ["CloudTrail stopped or deleted"]
    complains(hunt("-", input=""), "no event was found")


def test_a_torn_file_is_named_with_its_place_and_the_rest_is_hunted(hunt, tmp_path):
    whole = sorted(LOGS.rglob("*.json.gz"), key=lambda file: file.stat().st_size)[-2:]
    (tmp_path / "whole.json.gz").write_bytes(whole[0].read_bytes())
    torn = whole[1].read_bytes()
    (tmp_path / "torn.json.gz").write_bytes(torn[: len(torn) // 2])
    done = hunt("--format", "json", tmp_path)
    assert done.returncode == 3, done.stderr
    told = document(done)
    assert told["summary"]["skipped"] == 1
    assert re.search(r"stockade: skipped .*torn\.json\.gz.*\d+", done.stderr), done.stderr
    assert told["summary"]["events"] >= len(json.loads(gzip.decompress(whole[0].read_bytes()))["Records"])
    assert "torn.json.gz" in hunt(tmp_path).stdout + hunt(tmp_path).stderr


def test_a_malformed_rule_is_named_and_the_others_load(hunt, tmp_path):
    (tmp_path / "bad.yml").write_text("title: broken\nlogsource:\n  product: aws\ndetection:\n  selection: [\n")
    good = next(SIGMA.rglob("*.yml"))
    (tmp_path / "good.yml").write_text(good.read_text())
    done = hunt("--format", "json", "--rules", tmp_path, LOGS)
    assert done.returncode == 3
    assert re.search(r"bad\.yml:\d+", done.stderr), done.stderr
    assert document(done)["summary"]["detections"] == found()["summary"]["detections"] + 1
    (tmp_path / "good.yml").unlink()
    alone = hunt("--only-rules", "--rules", tmp_path, LOGS)
    assert alone.returncode == 2 and "bad.yml" in alone.stderr and "no rule could be loaded" in alone.stderr


def test_nothing_to_read_is_an_error_and_quiet_logs_are_not(hunt, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    complains(hunt(empty), "no event was found")
    complains(hunt(tmp_path / "missing"), "does not exist")
    (tmp_path / "notes.txt").write_text("this is no log\n")
    assert hunt(tmp_path / "notes.txt").returncode in (2, 3)
    quiet = tmp_path / "quiet.json"
    quiet.write_text(json.dumps({"Records": [event()]}))
    done = hunt(quiet)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "1 event" in done.stdout


def test_a_reader_that_goes_away_is_no_panic(tmp_path):
    command = f"{binary()} hunt --format json {LOGS} | head -c 10"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], env=clean_env(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.stdout == document_start(done.stdout) and not PANIC.search(done.stderr) and "Broken pipe" not in done.stderr
    assert done.returncode == 1


def document_start(text):
    assert len(text) == 10 and text.startswith("{")
    return text


def test_text_of_an_attackers_cannot_steer_the_terminal(hunt, tmp_path):
    evil = event("StopLogging", eventSource="cloudtrail.amazonaws.com", userAgent="\x1b[2J\x1b]0;owned\x07 sdk\r\nstockade: all is well")
    (tmp_path / "evil.json").write_text(json.dumps({"Records": [evil]}))
    done = hunt(tmp_path / "evil.json")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout and "\r" not in done.stdout
    assert not re.search(r"^stockade: all is well", done.stdout, re.M)


def test_the_projects_own_rules_hold(tmp_path):
    env = clean_env(tmp_path)
    listed = run("rules", "list", env=env)
    assert listed.returncode == 0 and len(listed.stdout.splitlines()) >= 40, listed.stderr
    tested = run("rules", "test", env=env)
    assert tested.returncode == 0 and re.match(r"(\d+) detections tested, 0 failures", tested.stdout), tested.stdout + tested.stderr
    assert run("rules", "lint", env=env).returncode == 0
    theirs = run("rules", "list", SIGMA, env=env)
    assert theirs.returncode == 0 and len(theirs.stdout.splitlines()) > 30, theirs.stderr
    missing = run("rules", "list", tmp_path / "missing", env=env)
    assert missing.returncode in (2, 3) and "missing" in missing.stderr
    complains(run("rules", "test", tmp_path / "missing", env=env), "missing")


def test_an_example_that_does_not_hold_fails_the_test_of_the_rules(tmp_path):
    folder = tmp_path / "discovery" / "listing"
    folder.mkdir(parents=True)
    rule = next(file for file in (DATA.parent.parent / "content" / "detections").rglob("*.yml") if (file.parent / "fires.ndjson").exists())
    for file in rule.parent.iterdir():
        (folder / file.name).write_text(file.read_text())
    env = clean_env(tmp_path)
    assert run("rules", "test", tmp_path, env=env).returncode == 0
    (folder / "fires.ndjson").write_text((folder / "quiet.ndjson").read_text())
    broken = run("rules", "test", tmp_path, env=env)
    assert broken.returncode == 1 and "listing" in broken.stderr, broken.stdout + broken.stderr
