"""What a data folder keeps: nothing that was acknowledged is lost, whatever ends the range; with boto3 and the AWS CLI."""

import hashlib
import json
import os
import random
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import botocore.config
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from conftest import binary, clean_env, start_range, stop

KEY = ("AKIAADMINISTRATOR001", "administrator-secret-of-the-range-000001")
# How often the range is killed, and the work of how many clients is under way then.
KILLS = 200
CLIENTS = 4


@pytest.fixture
def start(tmp_path):
    """Starts ranges, and ends those that a test has not ended."""
    processes = []

    def start(*args, **more):
        cloud = start_range(tmp_path, *args, **more)
        processes.append(cloud.process)
        return cloud

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def client(port, service):
    config = botocore.config.Config(
        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=20, parameter_validation=False
    )
    session = boto3.session.Session(*KEY, region_name="us-east-1")
    return session.client(service, endpoint_url=f"http://127.0.0.1:{port}", config=config)


def digest(folder):
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def run_range(folder, *args, **more):
    """Runs a range that is not to start."""
    command = [str(binary()), "range", "--listen", "127.0.0.1:0", "--data", str(folder), *args]
    return subprocess.run(command, env=clean_env(folder.parent), capture_output=True, text=True, timeout=60, **more)


class Load:
    """Clients that change things until the range is gone, and know what they were told."""

    def __init__(self, port):
        self.users, self.policies, self.without = set(), set(), set()
        # The digest of each body that was sent, and the names of those that were acknowledged.
        self.sent, self.put = {}, set()
        self.clients = [(client(port, "iam"), client(port, "s3")) for _ in range(CLIENTS)]
        self.lock = threading.Lock()
        self.serial = 0
        self.refused = []

    def work(self, iam, s3, stopped):
        while not stopped.is_set():
            with self.lock:
                self.serial += 1
                name = f"u{self.serial}"
            chance = random.Random(name)
            try:
                iam.create_user(UserName=name)
                self.users.add(name)
                text = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Sid": name}]})
                iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=text)
                self.policies.add(name)
                # Some bodies stand in a row, some in a file of their own.
                body = chance.randbytes(chance.choice([10, 3_000, 40_000, 200_000]))
                self.sent[name] = hashlib.sha256(body).hexdigest()
                s3.put_object(Bucket="kept", Key=name, Body=body)
                self.put.add(name)
                if chance.random() < 0.3:
                    self.policies.remove(name)
                    iam.delete_user_policy(UserName=name, PolicyName="p")
                    self.without.add(name)
            except ClientError as error:
                self.refused.append(error)
                return
            except BotoCoreError:
                return

    def until(self, end):
        """Works until `end` has ended the range."""
        stopped = threading.Event()
        workers = [threading.Thread(target=self.work, args=(*clients, stopped)) for clients in self.clients]
        for worker in workers:
            worker.start()
        end()
        stopped.set()
        for worker in workers:
            worker.join(30)

    def check(self, iam, s3, names):
        """All that was acknowledged of these is there, and whole."""
        there = {user["UserName"] for page in iam.get_paginator("list_users").paginate() for user in page["Users"]}
        assert self.users <= there, f"lost: {sorted(self.users - there)}"
        for name in names:
            if name in self.policies:
                document = iam.get_user_policy(UserName=name, PolicyName="p")["PolicyDocument"]
                assert document["Statement"][0]["Sid"] == name
            elif name in self.without:
                assert iam.list_user_policies(UserName=name)["PolicyNames"] == []
            if name in self.sent:
                self.check_object(s3, name)

    def check_object(self, s3, name):
        try:
            body = s3.get_object(Bucket="kept", Key=name)["Body"].read()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchKey"
            assert name not in self.put, f"the object {name} was lost"
        else:
            assert hashlib.sha256(body).hexdigest() == self.sent[name], f"the object {name} is torn"


def test_what_was_acknowledged_outlasts_hundreds_of_kills(tmp_path, start):
    folder, port = tmp_path / "data", free_port()
    load, chance = Load(port), random.Random(7)
    iam, s3 = client(port, "iam"), client(port, "s3")
    known = 0
    for time_of in range(KILLS):
        cloud = start("--data", folder, listen=f"127.0.0.1:{port}")
        if time_of == 0:
            s3.create_bucket(Bucket="kept")
        # What is new since the last time, and now and then all of it.
        new = [name for name in load.users if time_of % 50 == 0 or int(name[1:]) > known]
        load.check(iam, s3, new)
        known = load.serial

        def kill():
            time.sleep(chance.uniform(0.005, 0.1))
            cloud.process.kill()
            cloud.process.wait(10)

        load.until(kill)
        assert not load.refused, load.refused
    assert len(load.users) > KILLS, "there was no load"
    cloud = start("--data", folder)
    iam, s3 = cloud.client("iam"), cloud.client("s3")
    load.check(iam, s3, load.users)
    # Nothing that was done is without its record.
    trail = cloud.client("cloudtrail").get_paginator("lookup_events")
    attribute = [{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}]
    events = [event for page in trail.paginate(LookupAttributes=attribute) for event in page["Events"]]
    recorded = {resource["ResourceName"] for event in events for resource in event["Resources"]}
    assert load.users <= recorded
    # A body that no object has is swept away.
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket="kept")
    large = [item for page in listed for item in page.get("Contents", []) if item["Size"] > 16_384]
    assert len(list((folder / "bodies").iterdir())) == len(large)
    stop(cloud.process)


def test_a_full_disk_refuses_and_loses_nothing(tmp_path, start):
    folder, port = tmp_path / "data", free_port()

    def limited():
        # A write beyond the limit fails as on a full disk, and does not end the process.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    here = {"listen": f"127.0.0.1:{port}"}
    cloud = start("--data", folder, preexec_fn=limited, **here)
    load = Load(port)
    iam, s3 = client(port, "iam"), client(port, "s3")
    s3.create_bucket(Bucket="kept")
    load.until(lambda: wait_for(lambda: load.refused, 60))
    for error in load.refused:
        said = error.response
        assert said["ResponseMetadata"]["HTTPStatusCode"] == 503, said
        assert said["Error"]["Code"] == "ServiceUnavailable", said
        assert "disk" in said["Error"]["Message"], said
    # It goes on reading, and what was refused is not there.
    load.check(iam, s3, load.users)
    refused = {name for name in load.sent if name not in load.put}
    there = {item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kept") for item in page.get("Contents", [])}
    assert there == load.put and refused.isdisjoint(there)
    stop(cloud.process)
    cloud = start("--data", folder, **here)
    load.check(iam, s3, load.users)
    iam.create_user(UserName="after")
    stop(cloud.process)


def wait_for(what, seconds):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def test_a_folder_is_one_ranges_at_a_time(tmp_path, start):
    folder = tmp_path / "data"
    cloud = start("--data", folder)
    second = run_range(folder)
    assert second.returncode == 2, second
    assert "another range uses the data folder" in second.stderr and str(folder) in second.stderr
    cloud.client("iam").create_user(UserName="still-there")
    stop(cloud.process)


def test_what_is_no_data_folder_is_said_to_be_none(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    for folder in (file, file / "below", Path("/proc/data")):
        failed = run_range(folder)
        assert failed.returncode == 2, failed
        assert "cannot use the data folder" in failed.stderr and str(folder) in failed.stderr, failed.stderr
        assert "panicked" not in failed.stderr


def test_a_damaged_folder_is_not_touched(tmp_path, start):
    folder = tmp_path / "data"
    cloud = start("--data", folder)
    for number in range(20):
        cloud.client("iam").create_user(UserName=f"u{number}")
    stop(cloud.process)
    whole = (folder / "range.redb").read_bytes()
    middle = bytearray(whole)
    middle[len(whole) // 3 : len(whole) // 3 + 4096] = os.urandom(4096)
    for wrong in (whole[: len(whole) // 2], b"", b"no database" * 1000, bytes(middle)):
        (folder / "range.redb").write_bytes(wrong)
        before = digest(folder)
        failed = run_range(folder)
        assert failed.returncode == 2, failed
        assert "damaged" in failed.stderr or "format" in failed.stderr, failed.stderr
        assert "panicked" not in failed.stderr
        assert digest(folder) == before


# The profile, and what a second start goes on with


def aws(home, *args, **env):
    command = [str(Path(sys.executable).parent / "aws"), *args]
    return subprocess.run(command, env={**clean_env(home), **env}, capture_output=True, text=True, timeout=60)


def test_the_profile_below_the_folder_works_at_every_start(tmp_path):
    folder = tmp_path / "data"
    files = {"AWS_CONFIG_FILE": str(folder / "aws" / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws" / "credentials")}
    authorities = set()
    for _ in range(3):
        process = subprocess.Popen(
            [str(binary()), "range", "--listen", "127.0.0.1:0", "--data", str(folder), "--tls"],
            env=clean_env(tmp_path),
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        said = aws(tmp_path, "--profile", "range", "sts", "get-caller-identity", **files)
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["Arn"].endswith(":user/admin")
        authorities.add((folder / "tls" / "ca.pem").read_text())
        stop(process)
    assert len(authorities) == 1, "who trusts the authority must not be asked again"
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"


def test_a_second_start_shows_no_secret_and_says_how_to_go_on(tmp_path):
    folder = tmp_path / "data"
    shown = []
    for _ in range(2):
        process = subprocess.Popen(
            [str(binary()), "range", "--listen", "127.0.0.1:0", "--data", str(folder)],
            env=clean_env(tmp_path),
            stdout=subprocess.PIPE,
            text=True,
        )
        text = ""
        for line in process.stdout:
            text += line
            if "Ctrl-C" in line:
                break
        stop(process)
        shown.append(text)
    secret = re.search(r"AWS_SECRET_ACCESS_KEY=(\S+)", shown[0])[1]
    assert secret not in shown[1] and "AWS_PROFILE=range" in shown[1]
    assert secret in (folder / "aws" / "credentials").read_text()


# Snapshots


def control(cloud, path, body):
    request = urllib.request.Request(f"{cloud.endpoint}/_stockade/{path}", data=body)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def test_a_snapshot_is_taken_back_here_and_elsewhere(tmp_path, start):
    cloud = start("--data", tmp_path / "data")
    iam, s3 = cloud.client("iam"), cloud.client("s3")
    iam.create_user(UserName="before")
    s3.create_bucket(Bucket="kept")
    body = os.urandom(100_000)
    s3.put_object(Bucket="kept", Key="k", Body=body)
    taken = control(cloud, "snapshot", b"")
    iam.delete_user(UserName="before")
    iam.create_user(UserName="after")
    s3.delete_object(Bucket="kept", Key="k")
    other = start()
    for each in (cloud, other):
        control(each, "restore", taken)
        names = {user["UserName"] for user in each.client("iam").list_users()["Users"]}
        assert "before" in names and "after" not in names
        assert each.client("s3").get_object(Bucket="kept", Key="k")["Body"].read() == body
    for wrong in (b"", b"{}", taken[:-1], taken[:100] + b"\0" + taken[101:]):
        with pytest.raises(urllib.error.HTTPError) as caught:
            control(cloud, "restore", wrong)
        assert caught.value.code == 400
        assert b"nothing was changed" in caught.value.read()
    assert cloud.client("iam").get_user(UserName="before")
    cloud.process.kill()
    cloud.process.wait(10)
    again = start("--data", tmp_path / "data")
    assert again.client("s3").get_object(Bucket="kept", Key="k")["Body"].read() == body
    stop(again.process)
    stop(other.process)
