"""The material of keys in the range: brought in wrapped by openssl, rotated by the clock and on demand, kept in several regions."""

import builtins
import datetime
import os
import subprocess

import pytest

from iam_clients import UNCHECKED, account, refused  # noqa: F401
from kms_clients import DAY, NOBODY, advance, arn_of, key, kms, make, own_policy, state_of  # noqa: F401


def openssl(*args, input=None):
    done = subprocess.run(["openssl", *map(str, args)], input=input, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wrapped(parameters, material, wrapping, folder):
    """Material as openssl wraps it under the public key of the parameters."""
    public = folder / "wrapping.der"
    public.write_bytes(parameters["PublicKey"])
    digest = "sha1" if wrapping.endswith("SHA_1") else "sha256"

    def rsa(bytes_):
        options = [f"rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{digest}"]
        more = [part for option in options for part in ("-pkeyopt", option)]
        return openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", public, *more, input=bytes_)

    if not wrapping.startswith("RSA_AES"):
        return rsa(material)
    secret = os.urandom(32)
    by_aes = openssl("enc", "-id-aes256-wrap-pad", "-iv", "A65959A6", "-K", secret.hex(), input=material)
    return rsa(secret) + by_aes


def bring(kms, key, material, folder, wrapping="RSAES_OAEP_SHA_256", spec="RSA_2048", **more):
    asked = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=wrapping, WrappingKeySpec=spec)
    more = more or {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    return kms.import_key_material(
        KeyId=key, ImportToken=asked["ImportToken"], EncryptedKeyMaterial=wrapped(asked, material, wrapping, folder), **more
    )


WRAPPINGS = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_material_arrives_by_every_wrapping(kms, tmp_path, wrapping):
    key, material = make(kms, Origin="EXTERNAL"), os.urandom(32)
    arn = arn_of(kms, key)
    assert state_of(kms, key) == "PendingImport"
    refused(kms.encrypt, "KMSInvalidStateException", f"{arn} is pending import.", KeyId=key, Plaintext=b"x")
    refused(kms.enable_key, "KMSInvalidStateException", f"{arn} is pending import.", KeyId=key)
    bring(kms, key, material, tmp_path, wrapping)
    told = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (told["KeyState"], told["Origin"], told["ExpirationModel"]) == ("Enabled", "EXTERNAL", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    refused(kms.decrypt, "KMSInvalidStateException", f"{arn} is pending import.", CiphertextBlob=blob)
    # Another material is not the key's; the same opens what it sealed.
    refused(bring, "IncorrectKeyMaterialException", kms=kms, key=key, material=os.urandom(32), folder=tmp_path)
    bring(kms, key, material, tmp_path, "RSA_AES_KEY_WRAP_SHA_256")
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.parametrize(
    "spec, usage, options",
    [
        ("RSA_2048", "SIGN_VERIFY", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("ECC_NIST_P256", "SIGN_VERIFY", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("ECC_NIST_P521", "KEY_AGREEMENT", ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", ["ED25519"]),
    ],
)
def test_private_keys_of_openssl_are_imported(kms, tmp_path, spec, usage, options):
    private = openssl("genpkey", "-algorithm", *options, "-outform", "DER")
    private = openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", input=private)
    key = make(kms, spec, usage, Origin="EXTERNAL")
    bring(kms, key, private, tmp_path, "RSA_AES_KEY_WRAP_SHA_256", "RSA_4096")
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", input=private)
    assert kms.get_public_key(KeyId=key)["PublicKey"] == public


def test_a_data_key_pair_is_imported_as_a_key(kms, tmp_path, key):
    for spec, usage in [("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"), ("ECC_NIST_P384", "SIGN_VERIFY")]:
        pair = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
        imported = make(kms, spec, usage, Origin="EXTERNAL")
        bring(kms, imported, pair["PrivateKeyPlaintext"], tmp_path, "RSA_AES_KEY_WRAP_SHA_256")
        assert kms.get_public_key(KeyId=imported)["PublicKey"] == pair["PublicKey"]


def test_what_is_no_import_is_refused(range, kms, tmp_path, key):
    asked = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    origin = f"{arn_of(kms, key)} origin is AWS_KMS which is not valid for this operation."
    refused(kms.get_parameters_for_import, "UnsupportedOperationException", origin, KeyId=key, **asked)
    refused(kms.import_key_material, "UnsupportedOperationException", origin, KeyId=key, ImportToken=b"x", EncryptedKeyMaterial=b"x")
    refused(kms.delete_imported_key_material, "UnsupportedOperationException", origin, KeyId=key)
    rsa = make(kms, "RSA_2048", "SIGN_VERIFY", Origin="EXTERNAL")
    refused(kms.get_parameters_for_import, "ValidationException", KeyId=rsa, **asked)
    key, other = make(kms, Origin="EXTERNAL"), make(kms, Origin="EXTERNAL")
    good, elsewhere = (kms.get_parameters_for_import(KeyId=k, **asked) for k in [key, other])
    material = wrapped(good, os.urandom(32), "RSAES_OAEP_SHA_256", tmp_path)
    never = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    call = kms.import_key_material
    token = good["ImportToken"]
    valid_to = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
    refused(call, "ValidationException", valid_to, KeyId=key, ImportToken=token, EncryptedKeyMaterial=material)
    refused(call, "InvalidImportTokenException", KeyId=key, ImportToken=b"no token", EncryptedKeyMaterial=material, **never)
    refused(call, "InvalidImportTokenException", KeyId=key, ImportToken=elsewhere["ImportToken"], EncryptedKeyMaterial=material, **never)
    bad = token[:-1] + bytes([token[-1] ^ 1])
    refused(call, "InvalidImportTokenException", KeyId=key, ImportToken=bad, EncryptedKeyMaterial=material, **never)
    refused(call, "InvalidCiphertextException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=material[1:], **never)
    short = wrapped(good, os.urandom(16), "RSAES_OAEP_SHA_256", tmp_path)
    refused(call, "InvalidCiphertextException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=short, **never)
    assert state_of(kms, key) == "PendingImport"
    advance(range, DAY)
    refused(call, "ExpiredImportTokenException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=material, **never)


def test_material_expires_by_the_clock(range, kms, tmp_path):
    key = make(kms, Origin="EXTERNAL")
    now = datetime.datetime.fromisoformat(range.control("clock")["now"])
    for wrong in [now - datetime.timedelta(days=1), now + datetime.timedelta(days=400)]:
        refused(bring, "ValidationException", kms=kms, key=key, material=os.urandom(32), folder=tmp_path, ValidTo=wrong)
    material = os.urandom(32)
    bring(kms, key, material, tmp_path, ValidTo=now + datetime.timedelta(days=2))
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    advance(range, DAY)
    assert state_of(kms, key) == "Enabled"
    advance(range, DAY + 60)
    assert state_of(kms, key) == "PendingImport"
    bring(kms, key, material, tmp_path)
    assert state_of(kms, key) == "Enabled"


def test_new_material_is_imported_and_rotated_to(kms, tmp_path):
    key, one, two = make(kms, Origin="EXTERNAL"), os.urandom(32), os.urandom(32)
    never = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    first = bring(kms, key, one, tmp_path)["KeyMaterialId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    refused(kms.rotate_key_on_demand, "KMSInvalidStateException", KeyId=key)
    new = {"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "the second", **never}
    refused(bring, "IncorrectKeyMaterialException", kms=kms, key=key, material=one, folder=tmp_path, **new)
    second = bring(kms, key, two, tmp_path, **new)["KeyMaterialId"]
    assert first != second
    states = lambda: {r["KeyMaterialId"]: r["KeyMaterialState"] for r in kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]}  # noqa: E731
    assert states() == {first: "CURRENT", second: "PENDING_ROTATION"}
    kms.rotate_key_on_demand(KeyId=key)
    assert states() == {first: "NON_CURRENT", second: "CURRENT"}
    assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == first
    # What older ciphertexts need is the key's as much as what newer ones are made by.
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
    assert state_of(kms, key) == "PendingImport"
    refused(kms.delete_imported_key_material, "NotFoundException", KeyId=key, KeyMaterialId="0" * 64)


def test_a_key_is_rotated_by_the_clock_and_opens_what_it_sealed(range, kms):
    key = make(kms)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    first = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    told = kms.get_key_rotation_status(KeyId=key)
    assert (told["KeyRotationEnabled"], told["RotationPeriodInDays"]) == (True, 90)
    for days in [89, 2561]:
        refused(kms.enable_key_rotation, "ValidationException", KeyId=key, RotationPeriodInDays=days)
    advance(range, 200 * DAY)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [r["RotationType"] for r in rotations] == ["AUTOMATIC"] * 2
    assert (rotations[1]["RotationDate"] - rotations[0]["RotationDate"]).days == 90
    assert first not in {r["KeyMaterialId"] for r in rotations}
    assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == first
    new = kms.encrypt(KeyId=key, Plaintext=b"y")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] == rotations[-1]["KeyMaterialId"]
    kms.disable_key_rotation(KeyId=key)
    advance(range, 200 * DAY)
    assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 2


def test_rotations_on_demand_are_counted(kms):
    key = make(kms)
    for _ in builtins.range(25):
        kms.rotate_key_on_demand(KeyId=key)
    refused(kms.rotate_key_on_demand, "LimitExceededException", KeyId=key)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert len({r["KeyMaterialId"] for r in rotations}) == 25 and {r["RotationType"] for r in rotations} == {"ON_DEMAND"}


def test_what_cannot_be_rotated_is_refused(kms):
    rsa = make(kms, "RSA_2048", "SIGN_VERIFY")
    for call in [kms.enable_key_rotation, kms.disable_key_rotation, kms.rotate_key_on_demand, kms.list_key_rotations]:
        refused(call, "UnsupportedOperationException", KeyId=rsa)
        refused(call, "NotFoundException", KeyId=NOBODY)
    assert kms.get_key_rotation_status(KeyId=rsa)["KeyRotationEnabled"] is False
    refused(kms.get_key_rotation_status, "NotFoundException", KeyId=NOBODY)
    refused(kms.enable_key_rotation, "UnsupportedOperationException", KeyId=make(kms, Origin="EXTERNAL"))


def test_a_multi_region_key_is_one_key_in_several_regions(range, kms, account):
    there = range.client("kms", region="eu-west-1", config=UNCHECKED)
    key = make(kms, MultiRegion=True)
    arn = arn_of(kms, key)
    assert key.startswith("mrk-")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    refused(there.describe_key, "NotFoundException", KeyId=key)
    made = kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1", Description="the replica", Tags=[{"TagKey": "a", "TagValue": "b"}])
    told = made["ReplicaKeyMetadata"]
    assert (told["KeyState"], told["Arn"]) == ("Creating", arn.replace("us-east-1", "eu-west-1"))
    assert told["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    assert made["ReplicaTags"] == [{"TagKey": "a", "TagValue": "b"}] and '"kms:*"' in made["ReplicaPolicy"]
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    kms.rotate_key_on_demand(KeyId=key)
    newer = kms.encrypt(KeyId=key, Plaintext=b"y")["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=newer)["Plaintext"] == b"y"
    refused(there.rotate_key_on_demand, "UnsupportedOperationException", KeyId=key)
    refused(there.enable_key_rotation, "UnsupportedOperationException", KeyId=key)
    replicate = kms.replicate_key
    refused(replicate, "AlreadyExistsException", KeyId=key, ReplicaRegion="eu-west-1")
    refused(replicate, "ValidationException", KeyId=key, ReplicaRegion="us-east-1")
    refused(replicate, "ValidationException", KeyId=key, ReplicaRegion="xx-nowhere-1")
    refused(replicate, "UnsupportedOperationException", KeyId=make(kms), ReplicaRegion="eu-west-1")
    refused(there.replicate_key, "UnsupportedOperationException", KeyId=key, ReplicaRegion="eu-west-2")
    # The primary moves, and goes only after its replicas.
    refused(kms.update_primary_region, "NotFoundException", KeyId=key, PrimaryRegion="eu-west-2")
    kms.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")
    config = there.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]
    assert config["MultiRegionKeyType"] == "PRIMARY" and [r["Region"] for r in config["ReplicaKeys"]] == ["us-east-1"]
    refused(kms.update_primary_region, "UnsupportedOperationException", KeyId=key, PrimaryRegion="eu-west-1")
    assert there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["KeyState"] == "PendingReplicaDeletion"
    refused(there.encrypt, "KMSInvalidStateException", KeyId=key, Plaintext=b"x")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    advance(range, 7 * DAY + 60)
    refused(kms.describe_key, "NotFoundException", KeyId=key)
    assert state_of(there, key) == "PendingDeletion"
    advance(range, 7 * DAY + 60)
    refused(there.describe_key, "NotFoundException", KeyId=key)
