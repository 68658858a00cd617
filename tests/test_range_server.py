"""The range as a server: how it starts, what it shows, TLS, who may reach it, how it stops; with boto3 and the AWS CLI."""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

import called
from conftest import Cloud, binary, clean_env, stop

ACCOUNT = "123456789012"
KEY = ("AKIAADMINISTRATOR001", "administrator-secret-of-the-range-000001")


class Started:
    """A range that was started as a person starts it."""

    def __init__(self, home, *args, listen="127.0.0.1:0"):
        self.home = home
        self.process = subprocess.Popen(
            [str(binary()), "range", "--listen", listen, *map(str, args)],
            env=clean_env(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.shown = ""
        for line in self.process.stdout:
            self.shown += line
            if "Ctrl-C" in line:
                break
        else:
            raise RuntimeError(self.process.stderr.read())
        self.exports = {}
        for words in map(shlex.split, re.findall(r"^export (.+)$", self.shown, re.MULTILINE)):
            self.exports.update(word.split("=", 1) for word in words)
        self.endpoint = self.exports["AWS_ENDPOINT_URL"]
        self.plain = re.search(r"http://\S+:\d+", self.shown)[0]

    def aws(self, *args, **env):
        """The AWS CLI with the lines that were shown pasted."""
        aws = Path(sys.executable).parent / "aws"
        return subprocess.run(
            [str(aws), *args], env={**clean_env(self.home), **self.exports, **env}, capture_output=True, text=True, timeout=120
        )

    def cloud(self, key=KEY[0], secret=KEY[1]):
        return Cloud(self.plain, key, secret, self.home, self.process)

    def end(self, by=signal.SIGTERM):
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def started(tmp_path):
    all_started = []

    def start(*args, **more):
        all_started.append(Started(tmp_path, *args, **more))
        return all_started[-1]

    yield start
    for range in all_started:
        if range.process.poll() is None:
            stop(range.process)


def who(answer):
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["Arn"]


def refused(call, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return caught.value.response


# What is shown


def test_the_lines_that_are_shown_are_all_that_a_client_needs(started):
    range = started()
    assert who(range.aws("sts", "get-caller-identity")) == f"arn:aws:iam::{ACCOUNT}:user/admin"


def test_the_profile_that_is_shown_works(started, tmp_path):
    range = started()
    home = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    aws = Path(sys.executable).parent / "aws"
    lines = re.findall(r"^aws (configure set .+)$", range.shown, re.MULTILINE)
    for line in lines:
        subprocess.run([str(aws), *shlex.split(line)], env={**clean_env(tmp_path), **home}, check=True, timeout=60)
    answer = subprocess.run(
        [str(aws), "--profile", "range", "sts", "get-caller-identity"], env={**clean_env(tmp_path), **home}, capture_output=True, text=True, timeout=60
    )
    assert who(answer).endswith(":user/admin")


def test_a_key_that_was_given_is_not_shown(started):
    range = started("--admin-key", ":".join(KEY))
    assert KEY[1] not in range.shown and KEY[0] in range.shown


def test_the_key_may_be_given_by_the_environment(tmp_path):
    env = {**clean_env(tmp_path), "STOCKADE_ADMIN_KEY": ":".join(KEY)}
    process = subprocess.Popen([str(binary()), "range", "--listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE, text=True)
    endpoint = re.search(r"http://\S+:\d+", process.stdout.readline())[0]
    try:
        sts = Cloud(endpoint, *KEY, tmp_path).client("sts")
        assert sts.get_caller_identity()["Account"] == ACCOUNT
    finally:
        stop(process)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_healthy_run_says_nothing_more_and_ends_well(started, by):
    range = started("--admin-key", ":".join(KEY))
    sts = range.cloud().client("sts")
    sts.get_caller_identity()
    refused(range.cloud(secret="wrong" * 8).client("sts").get_caller_identity)
    idle = socket.create_connection(("127.0.0.1", int(range.plain.rsplit(":", 1)[1])))
    assert range.end(by) == (0, "", "")
    idle.close()


# Whom it believes


def test_an_open_range_takes_any_key(started):
    range = started("--auth", "open", "--admin-key", ":".join(KEY))
    assert who(range.aws("sts", "get-caller-identity")) == f"arn:aws:iam::{ACCOUNT}:root"
    other = range.aws("sts", "get-caller-identity", AWS_ACCESS_KEY_ID="210987654321")
    assert who(other) == "arn:aws:iam::210987654321:root"
    admin = range.cloud(secret="not-the-secret").client("sts")
    assert admin.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/admin"
    iam = range.cloud("test", "test").client("iam")
    iam.create_user(UserName="low")
    low = iam.create_access_key(UserName="low")["AccessKey"]["AccessKeyId"]
    assert refused(range.cloud(low, "x").client("iam").list_users)["Error"]["Code"] == "AccessDenied"
    found = range.cloud("test", "test").client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListUsers"}]
    )
    record = json.loads(found["Events"][0]["CloudTrailEvent"])
    assert (record["errorCode"], record["userIdentity"]["userName"]) == ("AccessDenied", "low")


def test_an_exposed_range_tells_so(started):
    range = started("--exposed", "--admin-key", ":".join(KEY), listen="0.0.0.0:0")
    assert range.plain.startswith("http://127.0.0.1:")
    assert range.cloud().client("sts").get_caller_identity()["Account"] == ACCOUNT
    status, _, err = range.end()
    assert status == 0 and "other machines can reach" in err


# TLS


def over_tls(range, service, **extra):
    session = boto3.session.Session(*KEY, region_name="us-east-1")
    config = botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=range.endpoint, verify=range.exports["AWS_CA_BUNDLE"], config=config, **extra)


def test_both_are_spoken_on_one_port_and_the_record_tells_which(started):
    range = started("--tls", "--admin-key", ":".join(KEY))
    assert range.endpoint == range.plain.replace("http:", "https:")
    assert who(range.aws("sts", "get-caller-identity", AWS_SECRET_ACCESS_KEY=KEY[1])).endswith(":user/admin")
    over_tls(range, "iam").create_user(UserName="secured")
    range.cloud().client("iam").create_user(UserName="plain")
    found = range.cloud().client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}])
    records = {record["requestParameters"]["userName"]: record for record in (json.loads(event["CloudTrailEvent"]) for event in found["Events"])}
    assert "tlsDetails" not in records["plain"]
    details = records["secured"]["tlsDetails"]
    assert details["tlsVersion"] == "TLSv1.3" and re.fullmatch(r"TLS_AES_\d+_GCM_SHA\d+", details["cipherSuite"])
    assert details["clientProvidedHostHeader"] == range.endpoint.removeprefix("https://")


def test_a_policy_may_ask_for_tls(started):
    range = started("--tls", "--admin-key", ":".join(KEY))
    iam = range.cloud().client("iam")
    iam.create_user(UserName="careful")
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    allow = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    iam.put_user_policy(UserName="careful", PolicyName="tls", PolicyDocument=document)
    made = iam.create_access_key(UserName="careful")["AccessKey"]
    env = {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
    assert range.aws("iam", "list-users", **env).returncode == 0
    plain = range.aws("iam", "list-users", AWS_ENDPOINT_URL=range.plain, **env)
    assert "explicit deny in an identity-based policy" in plain.stderr, plain.stderr


def test_a_client_that_does_not_know_the_authority_does_not_believe_it(started):
    range = started("--tls")
    range.exports.pop("AWS_CA_BUNDLE")
    assert "CERTIFICATE_VERIFY_FAILED" in range.aws("sts", "get-caller-identity").stderr


def test_buckets_in_hosts_have_certificates(started):
    import ssl

    range = started("--tls")
    port = int(range.plain.rsplit(":", 1)[1])
    context = ssl.create_default_context(cafile=range.exports["AWS_CA_BUNDLE"])
    for name in ("localhost", "127.0.0.1", "bucket.localhost", "bucket.s3.localhost"):
        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname=name) as secured:
            assert secured.version() == "TLSv1.3", name


def test_the_authority_is_for_its_owner_alone_and_goes_with_the_range(started):
    range = started("--tls")
    bundle = Path(range.exports["AWS_CA_BUNDLE"])
    for path in bundle.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(bundle.parent.stat().st_mode) == 0o700
    assert range.end()[0] == 0
    assert not bundle.parent.exists()


def test_the_users_own_certificate(started, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make, *names], check=True, capture_output=True)
    range = started("--tls-cert", certificate, "--tls-key", key)
    assert who(range.aws("sts", "get-caller-identity", AWS_CA_BUNDLE=str(certificate))).endswith(":user/admin")
    assert "AWS_CA_BUNDLE" not in range.exports
    alone = subprocess.run([str(binary()), "range", "--tls-cert", str(certificate)], capture_output=True, text=True, timeout=10)
    assert alone.returncode == 2 and "--tls-key" in alone.stderr
    wrong = subprocess.run(
        [str(binary()), "range", "--listen", "127.0.0.1:0", "--tls-cert", str(key), "--tls-key", str(key)], capture_output=True, text=True, timeout=10
    )
    assert wrong.returncode == 2 and "has no certificate in PEM" in wrong.stderr, wrong.stderr


# From where


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0"])
def test_a_caller_on_this_machine_may_say_from_where(started, listen):
    range = started("--admin-key", ":".join(KEY), listen=listen)
    own = "::1" if listen.startswith("[") else "127.0.0.1"
    said = {"2001:db8::7": "2001:db8::7", "203.0.113.9": "203.0.113.9", "the office": own, "": own, "203.0.113.9, 10.0.0.1": own, "2001:DB8:0::7": "2001:db8::7"}
    for told, expected in said.items():
        sts = range.cloud().client("sts", config=botocore.config.Config(user_agent_extra=f"told/{len(told)}"))
        sts.meta.events.register("before-sign", lambda request, told=told, **_: request.headers.add_header("X-Stockade-Source-Ip", told))
        sts.get_caller_identity()
        found = range.cloud().client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetCallerIdentity"}])
        record = json.loads(found["Events"][0]["CloudTrailEvent"])
        assert record["sourceIPAddress"] == expected, told


# Routing


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-southeast-3"])
def test_iam_is_global_whatever_region_the_client_is_in(started, region):
    range = started("--admin-key", ":".join(KEY))
    answer = range.aws("iam", "create-user", "--user-name", "anna", AWS_DEFAULT_REGION=region, AWS_SECRET_ACCESS_KEY=KEY[1])
    assert answer.returncode == 0, answer.stderr
    assert [user["UserName"] for user in range.cloud().client("iam").list_users()["Users"]] == ["admin", "anna"]


def test_a_large_object_goes_up_and_down(started, tmp_path):
    range = started("--admin-key", ":".join(KEY))
    body = tmp_path / "body"
    body.write_bytes(os.urandom(3 * 1024 * 1024))
    env = {"AWS_SECRET_ACCESS_KEY": KEY[1]}
    assert range.aws("s3", "mb", "s3://large", **env).returncode == 0
    # One whole: the client asks whether to go on before it sends the body.
    put = range.aws("s3api", "put-object", "--bucket", "large", "--key", "k", "--body", str(body), **env)
    assert put.returncode == 0, put.stderr
    got = range.aws("s3api", "get-object", "--bucket", "large", "--key", "k", str(tmp_path / "got"), **env)
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "got").read_bytes() == body.read_bytes()


def tables():
    """The services that the range's clients may call, by the names that boto3 has for them."""
    folder = Path(__file__).resolve().parent.parent / "crates" / "wire" / "tables"
    return sorted(table.stem for table in folder.glob("*.json"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    range = Started(tmp_path_factory.mktemp("home"), "--admin-key", ":".join(KEY))
    yield range
    stop(range.process)


def can_be_called_with_nothing(operation):
    """Whether an empty input makes a request whose address is whole."""
    shape = operation.input_shape
    placed = [name for name, member in shape.members.items() if member.serialization.get("location") == "uri"] if shape else []
    # Directory buckets are another service's to the signer (`s3express`); some endpoints are made from the input.
    elsewhere = "DirectoryBucket" in operation.name or operation.operation_context_parameters
    return not placed and not elsewhere and not operation.endpoint and not operation.deprecated


@pytest.mark.parametrize("service", tables())
def test_what_there_is_not_names_itself(bare, service):
    client = bare.cloud().client(service, config=botocore.config.Config(parameter_validation=False, retries={"total_max_attempts": 1}))
    model = client.meta.service_model
    there = set(called.operations().get(service, []))
    assert there <= set(model.operation_names)
    lacking = [name for name in model.operation_names if name not in there and can_be_called_with_nothing(model.operation_model(name))]
    # Every host of S3 Control begins with the account that the input names.
    assert lacking or there or service == "s3control"
    for name in lacking[:3]:
        with pytest.raises(ClientError) as refused:
            client._make_api_call(name, {})
        answer = refused.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("NotImplemented", 501), name
        assert f":{name}" in answer["Error"]["Message"], answer
