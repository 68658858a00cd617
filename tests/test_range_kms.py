"""KMS in the range: keys and what is done with them, as boto3 and the AWS CLI see it."""

import base64
import builtins
import hashlib
import json

import pytest

from iam_clients import account, refused  # noqa: F401
from kms_clients import NOBODY, UNCHECKED, advance, arn_of, document, key, kms, make, own_policy, state_of, statement  # noqa: F401

SPECS = {
    "SYMMETRIC_DEFAULT": ["ENCRYPT_DECRYPT"],
    "RSA_2048": ["ENCRYPT_DECRYPT", "SIGN_VERIFY"],
    "ECC_NIST_P256": ["SIGN_VERIFY", "KEY_AGREEMENT"],
    "ECC_NIST_P384": ["SIGN_VERIFY", "KEY_AGREEMENT"],
    "ECC_NIST_P521": ["SIGN_VERIFY", "KEY_AGREEMENT"],
    "ECC_SECG_P256K1": ["SIGN_VERIFY"],
    "ECC_NIST_EDWARDS25519": ["SIGN_VERIFY"],
    "HMAC_224": ["GENERATE_VERIFY_MAC"],
    "HMAC_256": ["GENERATE_VERIFY_MAC"],
    "HMAC_384": ["GENERATE_VERIFY_MAC"],
    "HMAC_512": ["GENERATE_VERIFY_MAC"],
    "ML_DSA_44": ["SIGN_VERIFY"],
    "ML_DSA_65": ["SIGN_VERIFY"],
    "ML_DSA_87": ["SIGN_VERIFY"],
    "ML_KEM_768": ["ENCAPSULATE_DECAPSULATE"],
}


@pytest.mark.parametrize("spec, usage", [(spec, usage) for spec, usages in SPECS.items() for usage in usages])
def test_a_key_of_every_spec_is_described_by_what_it_is_for(kms, account, spec, usage):
    made = kms.create_key(KeySpec=spec, KeyUsage=usage, Description="a key")["KeyMetadata"]
    assert made["Arn"] == f"arn:aws:kms:us-east-1:{account}:key/{made['KeyId']}"
    assert (made["KeySpec"], made["KeyUsage"], made["KeyState"], made["Enabled"]) == (spec, usage, "Enabled", True)
    assert (made["KeyManager"], made["Origin"], made["MultiRegion"]) == ("CUSTOMER", "AWS_KMS", False)
    algorithms = {
        "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
        "SIGN_VERIFY": "SigningAlgorithms",
        "GENERATE_VERIFY_MAC": "MacAlgorithms",
        "KEY_AGREEMENT": "KeyAgreementAlgorithms",
        "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
    }
    assert [name for name in algorithms.values() if name in made] == [algorithms[usage]] and made[algorithms[usage]]
    assert kms.describe_key(KeyId=made["Arn"])["KeyMetadata"] == made


def test_keys_that_cannot_be_are_refused(kms, account):
    create = kms.create_key
    refused(create, "ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.", KeySpec="RSA_2048")
    refused(create, "ValidationException", "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT", KeyUsage="SIGN_VERIFY")
    refused(create, "ValidationException", KeySpec="RSA_1024", KeyUsage="SIGN_VERIFY")
    refused(create, "UnsupportedOperationException", KeySpec="SM2", KeyUsage="SIGN_VERIFY")
    refused(create, "ValidationException", KeySpec="RSA_2048", CustomerMasterKeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    refused(create, "CustomKeyStoreNotFoundException", Origin="AWS_CLOUDHSM", CustomKeyStoreId="cks-1234567890abcdef0")
    refused(create, "ValidationException", Origin="EXTERNAL_KEY_STORE")
    refused(create, "ValidationException", CustomKeyStoreId="cks-1234567890abcdef0")
    refused(create, "ValidationException", XksKeyId="x")
    tag = {"TagKey": "a", "TagValue": "b"}
    refused(create, "TagException", Tags=[tag, tag])
    refused(create, "TagException", Tags=[{"TagKey": "aws:x", "TagValue": ""}])
    lockout = "The new key policy will not allow you to update the key policy in the future."
    stranger = document(statement("kms:*", Principal={"AWS": "arn:aws:iam::444455556666:root"}))
    refused(create, "MalformedPolicyDocumentException", lockout, Policy=stranger)
    assert create(Policy=stranger, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["KeyId"]
    refused(create, "MalformedPolicyDocumentException", Policy="{")
    nobody = own_policy(account, statement("kms:*", Principal={"AWS": f"arn:aws:iam::{account}:user/nobody"}))
    invalid = "Policy contains a statement with one or more invalid principals."
    refused(create, "MalformedPolicyDocumentException", invalid, Policy=nobody)
    refused(create, "LimitExceededException", Policy=own_policy(account) + " " * 33_000)


def test_a_key_is_named_by_id_arn_and_alias_and_nothing_else(kms, key, account):
    arn = arn_of(kms, key)
    kms.create_alias(AliasName="alias/by-any-name", TargetKeyId=key)
    region = f"arn:aws:kms:us-east-1:{account}"
    for name in [key, arn, "alias/by-any-name", f"{region}:alias/by-any-name"]:
        assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == key
        assert kms.encrypt(KeyId=name, Plaintext=b"x")["KeyId"] == arn
    describe = kms.describe_key
    refused(describe, "NotFoundException", f"Key '{region}:key/{NOBODY}' does not exist", 400, KeyId=NOBODY)
    refused(describe, "NotFoundException", f"Alias {region}:alias/none is not found.", KeyId="alias/none")
    refused(describe, "NotFoundException", "Invalid keyId 'fake-key-id'", KeyId="fake-key-id")
    refused(describe, "NotFoundException", "Invalid arn eu-west-1", KeyId=arn.replace("us-east-1", "eu-west-1"))
    refused(describe, "InvalidArnException", KeyId="arn:aws:s3:::bucket")
    # Administration takes keys, not aliases.
    refused(kms.disable_key, "NotFoundException", KeyId="alias/by-any-name")
    refused(kms.disable_key, "InvalidArnException", KeyId=f"{region}:alias/by-any-name")


def test_what_is_encrypted_comes_back_by_its_ciphertext_alone(kms, key):
    arn, context = arn_of(kms, key), {"tenant": "a", "purpose": "test"}
    made = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)
    assert (made["KeyId"], made["EncryptionAlgorithm"]) == (arn, "SYMMETRIC_DEFAULT")
    blob = made["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert (opened["Plaintext"], opened["KeyId"], opened["EncryptionAlgorithm"]) == (b"secret", arn, "SYMMETRIC_DEFAULT")
    assert opened["KeyMaterialId"] == kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, KeyId=key)["Plaintext"] == b"secret"
    assert kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"] != blob
    decrypt = kms.decrypt
    refused(decrypt, "InvalidCiphertextException", "", CiphertextBlob=blob)
    refused(decrypt, "InvalidCiphertextException", "", CiphertextBlob=blob, EncryptionContext={**context, "more": "x"})
    refused(decrypt, "InvalidCiphertextException", "", CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), EncryptionContext=context)
    refused(decrypt, "InvalidCiphertextException", CiphertextBlob=b"no ciphertext")
    refused(decrypt, "InvalidCiphertextException", CiphertextBlob=b"no ciphertext", KeyId=key)
    wrong = "The key ID in the request does not identify a CMK that can perform this operation."
    refused(decrypt, "IncorrectKeyException", wrong, CiphertextBlob=blob, EncryptionContext=context, KeyId=make(kms))
    refused(decrypt, "ValidationException", KeyId=key)
    refused(kms.encrypt, "ValidationException", KeyId=key, Plaintext=b"x" * 4097)
    refused(kms.encrypt, "ValidationException", KeyId=key, Plaintext=b"")
    refused(kms.encrypt, "ValidationException", KeyId=key, Plaintext=b"x", EncryptionContext={"a" * 5000: "b" * 5000})
    refused(kms.encrypt, "InvalidKeyUsageException", KeyId=key, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_1")


def test_rsa_encrypts_as_much_as_it_can(kms):
    rsa = make(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    for algorithm, most in [("RSAES_OAEP_SHA_1", 214), ("RSAES_OAEP_SHA_256", 190)]:
        blob = kms.encrypt(KeyId=rsa, Plaintext=b"x" * most, EncryptionAlgorithm=algorithm)["CiphertextBlob"]
        assert kms.decrypt(KeyId=rsa, CiphertextBlob=blob, EncryptionAlgorithm=algorithm)["Plaintext"] == b"x" * most
        message = f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than {most} bytes."
        refused(kms.encrypt, "ValidationException", message, KeyId=rsa, Plaintext=b"x" * (most + 1), EncryptionAlgorithm=algorithm)
    refused(kms.encrypt, "InvalidKeyUsageException", KeyId=rsa, Plaintext=b"x")
    refused(kms.encrypt, "ValidationException", KeyId=rsa, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_1", EncryptionContext={"a": "b"})
    refused(kms.generate_data_key, "InvalidKeyUsageException", KeyId=rsa, KeySpec="AES_256")


def test_a_ciphertext_goes_over_to_another_key(kms, key):
    other = make(kms)
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext={"a": "b"})["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext={"a": "b"}, DestinationKeyId=other, DestinationEncryptionContext={"c": "d"}
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (arn_of(kms, key), arn_of(kms, other))
    assert moved["SourceKeyMaterialId"] != moved["DestinationKeyMaterialId"]
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"c": "d"})
    assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", arn_of(kms, other))
    refused(kms.re_encrypt, "InvalidCiphertextException", CiphertextBlob=blob, DestinationKeyId=other)
    refused(kms.re_encrypt, "IncorrectKeyException", CiphertextBlob=blob, SourceKeyId=other, DestinationKeyId=other)
    refused(kms.re_encrypt, "NotFoundException", CiphertextBlob=blob, DestinationKeyId=NOBODY)
    rsa = make(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    sealed = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext={"a": "b"}, DestinationKeyId=rsa, DestinationEncryptionAlgorithm="RSAES_OAEP_SHA_256"
    )["CiphertextBlob"]
    assert kms.decrypt(KeyId=rsa, CiphertextBlob=sealed, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["Plaintext"] == b"secret"


def test_data_keys_come_open_and_sealed(kms, key):
    for asked, length in [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)]:
        made = kms.generate_data_key(KeyId=key, EncryptionContext={"a": "b"}, **asked)
        assert len(made["Plaintext"]) == length
        assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"] == made["Plaintext"]
        sealed = kms.generate_data_key_without_plaintext(KeyId=key, **asked)
        assert "Plaintext" not in sealed
        assert len(kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"]) == length
    for call in [kms.generate_data_key, kms.generate_data_key_without_plaintext]:
        either = "Please specify either number of bytes or key spec."
        refused(call, "ValidationException", either, KeyId=key)
        refused(call, "ValidationException", either, KeyId=key, KeySpec="AES_256", NumberOfBytes=32)
        refused(call, "ValidationException", KeyId=key, NumberOfBytes=1025)
        sign = make(kms, "ECC_NIST_P256", "SIGN_VERIFY")
        name = "GenerateDataKey" if call == kms.generate_data_key else "GenerateDataKeyWithoutPlaintext"
        usage = f"{arn_of(kms, sign)} key usage is SIGN_VERIFY which is not valid for {name}."
        refused(call, "InvalidKeyUsageException", usage, KeyId=sign, KeySpec="AES_256")


def test_data_key_pairs_are_pairs(kms, key):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

    for spec in ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519"]:
        made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
        private = load_der_private_key(made["PrivateKeyPlaintext"], None)
        public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert public == made["PublicKey"] and made["KeyPairSpec"] == spec
        assert kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"] == made["PrivateKeyPlaintext"]
        sealed = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec=spec)
        assert "PrivateKeyPlaintext" not in sealed
        load_der_private_key(kms.decrypt(CiphertextBlob=sealed["PrivateKeyCiphertextBlob"])["Plaintext"], None)
    for call in [kms.generate_data_key_pair, kms.generate_data_key_pair_without_plaintext]:
        refused(call, "UnsupportedOperationException", KeyId=key, KeyPairSpec="SM2")
        refused(call, "NotFoundException", KeyId=NOBODY, KeyPairSpec="RSA_2048")


def test_random_bytes_are_as_many_as_asked(kms):
    one, two = (kms.generate_random(NumberOfBytes=44)["Plaintext"] for _ in "ab")
    assert len(one) == 44 and one != two
    refused(kms.generate_random, "ValidationException", "NumberOfBytes is required.")
    low = "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"
    refused(kms.generate_random, "ValidationException", low, NumberOfBytes=0)
    refused(kms.generate_random, "CustomKeyStoreNotFoundException", NumberOfBytes=1, CustomKeyStoreId="cks-1234567890abcdef0")


SIGNING = {
    "RSA_2048": ["RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512", "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_512"],
    "ECC_NIST_P256": ["ECDSA_SHA_256"],
    "ECC_NIST_P384": ["ECDSA_SHA_384"],
    "ECC_NIST_P521": ["ECDSA_SHA_512"],
    "ECC_SECG_P256K1": ["ECDSA_SHA_256"],
}


@pytest.mark.parametrize("spec", SIGNING)
def test_signatures_are_of_a_message_or_its_digest(kms, spec):
    sign = make(kms, spec, "SIGN_VERIFY")
    for algorithm in SIGNING[spec]:
        asked = {"KeyId": sign, "SigningAlgorithm": algorithm}
        digest = hashlib.new(algorithm[-7:].replace("_", "").lower(), b"message").digest()
        signature = kms.sign(Message=digest, MessageType="DIGEST", **asked)["Signature"]
        made = kms.verify(Message=b"message", Signature=signature, **asked)
        assert made["SignatureValid"] is True and made["KeyId"] == arn_of(kms, sign)
        refused(kms.verify, "KMSInvalidSignatureException", "", Message=b"another", Signature=signature, **asked)
        length = f"Digest is invalid length for algorithm {algorithm}."
        refused(kms.sign, "ValidationException", length, Message=b"short", MessageType="DIGEST", **asked)
    wrong = f"Algorithm ED25519_SHA_512 is incompatible with key spec {spec}."
    refused(kms.sign, "InvalidKeyUsageException", wrong, KeyId=sign, Message=b"x", SigningAlgorithm="ED25519_SHA_512")


@pytest.mark.parametrize("spec, algorithm", [("ECC_NIST_EDWARDS25519", "ED25519_SHA_512"), ("ML_DSA_44", "ML_DSA_SHAKE_256")])
def test_whole_messages_are_signed(kms, spec, algorithm):
    asked = {"KeyId": make(kms, spec, "SIGN_VERIFY"), "SigningAlgorithm": algorithm}
    signature = kms.sign(Message=b"message", **asked)["Signature"]
    assert kms.verify(Message=b"message", Signature=signature, **asked)["SignatureValid"]
    refused(kms.verify, "KMSInvalidSignatureException", "", Message=b"another", Signature=signature, **asked)
    refused(kms.sign, "ValidationException", Message=bytes(64), MessageType="DIGEST", **asked)


def test_codes_fit_their_message_and_key(kms, key):
    for bits in ["224", "256", "384", "512"]:
        mac = make(kms, f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
        asked = {"KeyId": mac, "MacAlgorithm": f"HMAC_SHA_{bits}"}
        code = kms.generate_mac(Message=b"message", **asked)["Mac"]
        assert len(code) == int(bits) // 8
        assert kms.verify_mac(Message=b"message", Mac=code, **asked)["MacValid"] is True
        refused(kms.verify_mac, "KMSInvalidMacException", "", Message=b"another", Mac=code, **asked)
    refused(
        kms.generate_mac, "InvalidKeyUsageException", "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_512.",
        KeyId=mac, Message=b"x", MacAlgorithm="HMAC_SHA_256",
    )
    usage = f"{arn_of(kms, key)} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac."
    refused(kms.generate_mac, "InvalidKeyUsageException", usage, KeyId=key, Message=b"x", MacAlgorithm="HMAC_SHA_256")
    refused(kms.generate_mac, "NotFoundException", "Invalid keyId 'key_id'", KeyId="key_id", Message=b"x", MacAlgorithm="HMAC_SHA_256")


def test_two_sides_agree_on_a_secret(kms, key):
    one, two = (make(kms, "ECC_NIST_P256", "KEY_AGREEMENT") for _ in "ab")
    public = {k: kms.get_public_key(KeyId=k)["PublicKey"] for k in [one, two]}
    asked = {"KeyAgreementAlgorithm": "ECDH"}
    made = kms.derive_shared_secret(KeyId=one, PublicKey=public[two], **asked)
    assert made["SharedSecret"] == kms.derive_shared_secret(KeyId=two, PublicKey=public[one], **asked)["SharedSecret"]
    assert made["KeyOrigin"] == "AWS_KMS"
    refused(kms.derive_shared_secret, "ValidationException", KeyId=one, PublicKey=b"no key", **asked)
    refused(kms.derive_shared_secret, "InvalidKeyUsageException", KeyId=key, PublicKey=public[two], **asked)


def test_a_secret_is_sent_to_who_holds_the_key(kms, key):
    kem = make(kms, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    asked = {"EncapsulationAlgorithm": "ML_KEM"}
    sent = kms.encapsulate(KeyId=kem, **asked)
    got = kms.decapsulate(KeyId=kem, SharedSecretCiphertextBlob=sent["SharedSecretCiphertextBlob"], **asked)
    assert got["SharedSecret"] == sent["SharedSecret"] and len(got["SharedSecret"]) == 32
    refused(kms.decapsulate, "InvalidCiphertextException", KeyId=kem, SharedSecretCiphertextBlob=b"short", **asked)
    refused(kms.encapsulate, "InvalidKeyUsageException", KeyId=key, **asked)


def test_public_keys_are_had_of_asymmetric_keys(kms, key):
    made = kms.get_public_key(KeyId=make(kms, "ECC_NIST_P384", "SIGN_VERIFY"))
    assert (made["KeySpec"], made["KeyUsage"], made["SigningAlgorithms"]) == ("ECC_NIST_P384", "SIGN_VERIFY", ["ECDSA_SHA_384"])
    refused(kms.get_public_key, "UnsupportedOperationException", KeyId=key)


def test_a_key_that_is_off_does_nothing(kms, key):
    arn = arn_of(kms, key)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    assert state_of(kms, key) == "Disabled"
    refused(kms.encrypt, "DisabledException", f"{arn} is disabled.", 400, KeyId=key, Plaintext=b"x")
    refused(kms.decrypt, "DisabledException", CiphertextBlob=blob)
    refused(kms.enable_key_rotation, "DisabledException", KeyId=key)
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    refused(kms.enable_key, "NotFoundException", KeyId=NOBODY)
    refused(kms.disable_key, "NotFoundException", KeyId=NOBODY)


def test_a_key_goes_when_its_time_has_come(range, kms, key):
    arn = arn_of(kms, key)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.create_alias(AliasName="alias/goes-with-its-key", TargetKeyId=key)
    for days in [6, 31]:
        refused(kms.schedule_key_deletion, "ValidationException", KeyId=key, PendingWindowInDays=days)
    gone = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (gone["KeyId"], gone["KeyState"], gone["PendingWindowInDays"]) == (arn, "PendingDeletion", 7)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"] == gone["DeletionDate"]
    pending = f"{arn} is pending deletion."
    refused(kms.decrypt, "KMSInvalidStateException", pending, 400, CiphertextBlob=blob)
    for call in [kms.enable_key, kms.disable_key, kms.schedule_key_deletion]:
        refused(call, "KMSInvalidStateException", pending, KeyId=key)
    refused(kms.create_alias, "KMSInvalidStateException", pending, AliasName="alias/late", TargetKeyId=key)
    assert kms.cancel_key_deletion(KeyId=key)["KeyId"] == arn
    assert state_of(kms, key) == "Disabled"
    refused(kms.cancel_key_deletion, "KMSInvalidStateException", f"{arn} is not pending deletion.", KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    advance(range, 6 * 24 * 3600)
    assert state_of(kms, key) == "PendingDeletion"
    advance(range, 24 * 3600 + 60)
    refused(kms.describe_key, "NotFoundException", f"Key '{arn}' does not exist", KeyId=key)
    refused(kms.describe_key, "NotFoundException", KeyId="alias/goes-with-its-key")
    refused(kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)


def test_aliases_point_where_they_are_told(kms, key, account):
    other, mac = make(kms), make(kms, "HMAC_256", "GENERATE_VERIFY_MAC")
    name = "alias/points/here"
    kms.create_alias(AliasName=name, TargetKeyId=key)
    listed = {a["AliasName"]: a for a in kms.list_aliases(KeyId=key)["Aliases"]}
    assert listed[name]["AliasArn"] == f"arn:aws:kms:us-east-1:{account}:{name}" and listed[name]["TargetKeyId"] == key
    exists = f"An alias with the name arn:aws:kms:us-east-1:{account}:{name} already exists"
    refused(kms.create_alias, "AlreadyExistsException", exists, AliasName=name, TargetKeyId=other)
    prefix = 'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html'
    refused(kms.create_alias, "ValidationException", prefix, AliasName="mine", TargetKeyId=key)
    refused(kms.create_alias, "ValidationException", "alias/a:b contains invalid characters for an alias", AliasName="alias/a:b", TargetKeyId=key)
    refused(kms.create_alias, "NotAuthorizedException", AliasName="alias/aws/mine", TargetKeyId=key)
    kms.update_alias(AliasName=name, TargetKeyId=other)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == other
    refused(kms.update_alias, "ValidationException", AliasName=name, TargetKeyId=mac)
    refused(kms.update_alias, "NotFoundException", AliasName="alias/none", TargetKeyId=key)
    refused(kms.list_aliases, "NotFoundException", KeyId=NOBODY)
    kms.delete_alias(AliasName=name)
    refused(kms.delete_alias, "NotFoundException", f"Alias arn:aws:kms:us-east-1:{account}:{name} is not found.", AliasName=name)
    for n in builtins.range(50):
        kms.create_alias(AliasName=f"alias/many-{n}", TargetKeyId=key)
    refused(kms.create_alias, "LimitExceededException", AliasName="alias/one-too-many", TargetKeyId=key)



def test_lists_come_in_pages(kms, key):
    for _ in builtins.range(3):
        make(kms)
    everything = {k["KeyId"] for page in kms.get_paginator("list_keys").paginate() for k in page["Keys"]}
    assert key in everything
    seen, asked = set(), {}
    while True:
        page = kms.list_keys(Limit=2, **asked)
        assert len(page["Keys"]) <= 2
        seen |= {k["KeyId"] for k in page["Keys"]}
        if not page["Truncated"]:
            break
        asked = {"Marker": page["NextMarker"]}
    assert seen == everything
    refused(kms.list_keys, "InvalidMarkerException", Marker="no marker")
    refused(kms.list_keys, "ValidationException", Limit=0)
    refused(kms.list_aliases, "InvalidMarkerException", Marker="no marker")


def test_tags_are_put_and_taken(kms):
    key = make(kms, Tags=[{"TagKey": "team", "TagValue": "red"}])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "blue"}, {"TagKey": "a", "TagValue": ""}])
    tags = kms.list_resource_tags(KeyId=key)["Tags"]
    assert tags == [{"TagKey": "a", "TagValue": ""}, {"TagKey": "team", "TagValue": "blue"}]
    kms.untag_resource(KeyId=key, TagKeys=["a", "never"])
    assert [t["TagKey"] for t in kms.list_resource_tags(KeyId=key)["Tags"]] == ["team"]
    refused(kms.tag_resource, "TagException", KeyId=key, Tags=[{"TagKey": "aws:a", "TagValue": ""}])
    refused(kms.tag_resource, "TagException", KeyId=key, Tags=[{"TagKey": f"t{n}", "TagValue": ""} for n in builtins.range(50)])
    refused(kms.untag_resource, "NotFoundException", KeyId=NOBODY, TagKeys=["a"])
    refused(kms.list_resource_tags, "NotFoundException", KeyId=NOBODY)


def test_a_description_is_changed(kms, key):
    kms.update_key_description(KeyId=key, Description="for tests")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "for tests"
    refused(kms.update_key_description, "NotFoundException", KeyId=NOBODY, Description="")


def test_a_dry_run_changes_and_shows_nothing(kms, key):
    would = "The request would have succeeded, but the DryRun option is set."
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for call, asked in [
        (kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": key}),
        (kms.decrypt, {"KeyId": key, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}),
        (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
        (kms.create_grant, {"KeyId": key, "GranteePrincipal": "arn:aws:iam::444455556666:root", "Operations": ["Decrypt"]}),
    ]:
        refused(call, "DryRunOperationException", would, DryRun=True, **asked)
    refused(kms.decrypt, "InvalidCiphertextException", CiphertextBlob=b"x", DryRun=True)
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_enclaves_are_refused_clearly(kms, key):
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"document"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for call, asked in [
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
        (kms.generate_random, {"NumberOfBytes": 8}),
    ]:
        assert "Nitro" in refused(call, "ValidationException", Recipient=recipient, **asked)


def test_custom_key_stores_are_refused_clearly(kms):
    store = "cks-1234567890abcdef0"
    cluster = {"CustomKeyStoreName": "mine", "CloudHsmClusterId": "cluster-2a23b4cdefg", "KeyStorePassword": "password", "TrustAnchorCertificate": "x"}
    assert "no AWS CloudHSM" in refused(kms.create_custom_key_store, "CloudHsmClusterNotFoundException", **cluster)
    proxy = {"CustomKeyStoreType": "EXTERNAL_KEY_STORE", "XksProxyUriEndpoint": "https://proxy.example.com"}
    refused(kms.create_custom_key_store, "XksProxyUriUnreachableException", CustomKeyStoreName="mine", **proxy)
    refused(kms.create_custom_key_store, "ValidationException", CustomKeyStoreName="mine")
    assert kms.describe_custom_key_stores()["CustomKeyStores"] == []
    refused(kms.describe_custom_key_stores, "CustomKeyStoreNotFoundException", CustomKeyStoreId=store)
    for call in [kms.connect_custom_key_store, kms.disconnect_custom_key_store, kms.update_custom_key_store, kms.delete_custom_key_store]:
        refused(call, "CustomKeyStoreNotFoundException", CustomKeyStoreId=store)


def test_the_last_use_of_a_key_is_told(kms, key):
    assert "KeyLastUsage" not in kms.get_key_last_usage(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")
    told = kms.get_key_last_usage(KeyId=key)
    assert told["KeyLastUsage"]["Operation"] == "Encrypt" and told["KeyId"] == arn_of(kms, key)
    refused(kms.get_key_last_usage, "NotFoundException", KeyId=NOBODY)


def test_the_cli_makes_uses_and_schedules_a_key(range, tmp_path):
    made = json.loads(range.cli("kms", "create-key", "--description", "by the CLI", "--tags", "TagKey=a,TagValue=b").stdout)["KeyMetadata"]
    sealed = range.cli("kms", "encrypt", "--key-id", made["KeyId"], "--plaintext", "hello", "--query", "CiphertextBlob", "--output", "text")
    file = tmp_path / "sealed"
    file.write_bytes(base64.b64decode(sealed.stdout))
    done = range.cli("kms", "decrypt", "--ciphertext-blob", f"fileb://{file}", "--query", "Plaintext", "--output", "text")
    assert base64.b64decode(done.stdout) == b"hello"
    assert json.loads(range.cli("kms", "schedule-key-deletion", "--key-id", made["KeyId"], "--pending-window-in-days", "8").stdout)["KeyState"] == "PendingDeletion"
    again = range.cli("kms", "encrypt", "--key-id", made["KeyId"], "--plaintext", "hello")
    assert "(KMSInvalidStateException)" in again.stderr and "is pending deletion." in again.stderr
