"""KMS of a range that keeps what it knows: keys outlast it, and what is on the disk of them is worth nothing without the root key."""

import base64
import os
import signal
import stat
import subprocess
import urllib.request

import pytest

from conftest import binary, clean_env, start_range, stop
from iam_clients import refused
from kms_clients import make
from test_range_kms_material import bring

ROOT = "kms-root-keys"


@pytest.fixture
def start(tmp_path):
    """Starts a range on the data folder of the test; call it again after a stop."""
    started = []

    def begin(folder="data"):
        home = tmp_path / f"home-{len(started)}"
        home.mkdir()
        started.append(start_range(home, "--data", tmp_path / folder))
        return started[-1]

    yield begin
    for cloud in started:
        if cloud.process.poll() is None:
            stop(cloud.process)


def control(cloud, path, body=b""):
    request = urllib.request.Request(f"{cloud.endpoint}/_stockade/{path}", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def test_keys_outlast_a_kill_and_nothing_of_them_is_on_the_disk_in_clear(start, tmp_path):
    first, material = start(), os.urandom(32)
    kms = first.client("kms")
    key = make(kms, Origin="EXTERNAL")
    bring(kms, key, material, tmp_path)
    other = make(kms)
    sealed = [kms.encrypt(KeyId=k, Plaintext=b"a plaintext of mine")["CiphertextBlob"] for k in [key, other]]
    kms.rotate_key_on_demand(KeyId=other)
    grant = kms.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::444455556666:root", Operations=["Decrypt"])["GrantId"]
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    root = tmp_path / "data" / ROOT
    assert stat.S_IMODE(root.stat().st_mode) == 0o600
    secrets = [material, bytes.fromhex(root.read_text().split()[0]), b"a plaintext of mine"]
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file() and path != root:
            held = path.read_bytes()
            for secret in secrets:
                for form in [secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")[:-1]]:
                    assert form not in held, path
    kms = start().client("kms")
    for blob in sealed:
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"a plaintext of mine"
    assert [g["GrantId"] for g in kms.list_grants(KeyId=key)["Grants"]] == [grant]


def test_a_folder_without_its_root_key_is_refused_and_not_touched(start, tmp_path):
    cloud = start()
    blob = cloud.client("kms").encrypt(KeyId=make(cloud.client("kms")), Plaintext=b"x")["CiphertextBlob"]
    stop(cloud.process)
    root = tmp_path / "data" / ROOT
    kept = root.read_bytes()
    for wrong in [None, b"no key\n", os.urandom(32).hex().encode() + b"\n"]:
        root.unlink(missing_ok=True)
        if wrong:
            root.write_bytes(wrong)
        command = [str(binary()), "range", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")]
        done = subprocess.run(command, env=clean_env(tmp_path), capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and (ROOT in done.stderr or "root keys" in done.stderr), done.stderr
    root.write_bytes(kept)
    assert start().client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_snapshot_brings_its_root_key_and_outlasts_a_restart_there(start, tmp_path):
    here = start()
    kms = here.client("kms")
    blob = kms.encrypt(KeyId=make(kms), Plaintext=b"x")["CiphertextBlob"]
    archive = control(here, "snapshot")
    there = start("elsewhere")
    own = there.client("kms").encrypt(KeyId=make(there.client("kms")), Plaintext=b"y")["CiphertextBlob"]
    control(there, "restore", archive)
    assert there.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    refused(there.client("kms").decrypt, "AccessDeniedException", CiphertextBlob=own)
    stop(there.process)
    there = start("elsewhere")
    assert there.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    # A range that begins anew keeps its root key, and none of its keys.
    control(there, "reset")
    refused(there.client("kms").decrypt, "AccessDeniedException", CiphertextBlob=blob)
    kms = there.client("kms")
    blob = kms.encrypt(KeyId=make(kms), Plaintext=b"z")["CiphertextBlob"]
    stop(there.process)
    assert start("elsewhere").client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"z"
