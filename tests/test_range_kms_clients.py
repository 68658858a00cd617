"""Others judge KMS of the range: openssl its signatures, the AWS Encryption SDK its data keys, 64 clients its answers."""

import builtins
import concurrent.futures
import subprocess

import aws_encryption_sdk
import pytest
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.identifiers import CommitmentPolicy

from iam_clients import UNCHECKED, account, refused  # noqa: F401
from kms_clients import arn_of, key, kms, make  # noqa: F401

CLIENTS = 64


def openssl(*args):
    return subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "spec, algorithm, options",
    [
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", ["-sha256"]),
        ("RSA_2048", "RSASSA_PSS_SHA_384", ["-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]),
        ("ECC_NIST_P256", "ECDSA_SHA_256", ["-sha256"]),
        ("ECC_NIST_P384", "ECDSA_SHA_384", ["-sha384"]),
        ("ECC_NIST_P521", "ECDSA_SHA_512", ["-sha512"]),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256", ["-sha256"]),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", None),
    ],
)
def test_openssl_verifies_a_signature_by_the_downloaded_public_key(kms, tmp_path, spec, algorithm, options):
    sign = make(kms, spec, "SIGN_VERIFY")
    files = {name: tmp_path / name for name in ["public.der", "message", "signature"]}
    files["public.der"].write_bytes(kms.get_public_key(KeyId=sign)["PublicKey"])
    files["message"].write_bytes(b"what is signed")
    files["signature"].write_bytes(kms.sign(KeyId=sign, Message=b"what is signed", SigningAlgorithm=algorithm)["Signature"])

    def verified():
        if options is None:
            by = ["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", files["public.der"], "-sigfile", files["signature"]]
            return openssl(*by, "-in", files["message"]).returncode == 0
        by = ["dgst", *options, "-keyform", "DER", "-verify", files["public.der"], "-signature", files["signature"]]
        return openssl(*by, files["message"]).stdout.strip() == "Verified OK"

    assert verified()
    files["message"].write_bytes(b"something else")
    assert not verified()


def test_openssl_and_a_key_agree_on_a_secret(kms, tmp_path):
    mine, theirs, public = tmp_path / "mine.pem", tmp_path / "theirs.der", tmp_path / "mine.der"
    agree = make(kms, "ECC_NIST_P384", "KEY_AGREEMENT")
    theirs.write_bytes(kms.get_public_key(KeyId=agree)["PublicKey"])
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", mine)
    openssl("pkey", "-in", mine, "-pubout", "-outform", "DER", "-out", public)
    openssl("pkeyutl", "-derive", "-inkey", mine, "-peerform", "DER", "-peerkey", theirs, "-out", tmp_path / "secret")
    asked = {"KeyAgreementAlgorithm": "ECDH", "PublicKey": public.read_bytes()}
    assert kms.derive_shared_secret(KeyId=agree, **asked)["SharedSecret"] == (tmp_path / "secret").read_bytes()


def test_openssl_encrypts_to_a_key(kms, tmp_path):
    rsa = make(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    public, message, sealed = tmp_path / "public.der", tmp_path / "message", tmp_path / "sealed"
    public.write_bytes(kms.get_public_key(KeyId=rsa)["PublicKey"])
    message.write_bytes(b"for the key alone")
    options = [o for name in ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"] for o in ("-pkeyopt", name)]
    openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", public, *options, "-in", message, "-out", sealed)
    opened = kms.decrypt(KeyId=rsa, CiphertextBlob=sealed.read_bytes(), EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    assert opened["Plaintext"] == b"for the key alone"


def test_another_library_knows_the_keys_of_lattices(kms):
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    kem = make(kms, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    secret, ciphertext = load_der_public_key(kms.get_public_key(KeyId=kem)["PublicKey"]).encapsulate()
    asked = {"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": ciphertext}
    assert kms.decapsulate(KeyId=kem, **asked)["SharedSecret"] == secret
    for spec in ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87"]:
        sign = make(kms, spec, "SIGN_VERIFY")
        signature = kms.sign(KeyId=sign, Message=b"message", SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
        load_der_public_key(kms.get_public_key(KeyId=sign)["PublicKey"]).verify(signature, b"message")


@pytest.fixture
def provider(range, kms, key, monkeypatch):
    """The Encryption SDK's own way to a key of the range."""
    import botocore.session

    session = botocore.session.Session()
    session.set_credentials(range.key, range.secret)
    session.set_config_variable("region", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", range.endpoint)
    return aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=[arn_of(kms, key)], botocore_session=session)


def test_the_encryption_sdk_seals_and_opens_by_a_key_of_the_range(kms, key, provider):
    client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
    context = {"tenant": "a"}
    text = b"a message " * 10_000
    sealed, header = client.encrypt(source=text, key_provider=provider, encryption_context=context)
    assert header.encryption_context["tenant"] == "a" and text[:20] not in sealed
    opened, header = client.decrypt(source=sealed, key_provider=provider)
    assert opened == text and header.encryption_context["tenant"] == "a"
    kms.disable_key(KeyId=key)
    with pytest.raises(AWSEncryptionSDKClientError):
        client.decrypt(source=sealed, key_provider=provider)


def test_many_clients_use_and_change_the_same_keys_at_once(range, kms):
    keys = [make(kms) for _ in builtins.range(4)]
    one = keys[0]

    def work(number):
        client = range.client("kms", config=UNCHECKED)
        own = f"client-{number}".encode()
        key = keys[number % len(keys)]
        for turn in builtins.range(6):
            context = {"client": str(number), "turn": str(turn)}
            blob = client.encrypt(KeyId=key, Plaintext=own, EncryptionContext=context)["CiphertextBlob"]
            if number % 4 == 0:
                client.create_alias(AliasName=f"alias/at-once-{number}-{turn}", TargetKeyId=keys[1 + number // 4 % 3])
            if number % 16 == 1:
                client.rotate_key_on_demand(KeyId=one)
            if number % 4 == 2:
                client.create_grant(KeyId=one, GranteePrincipal="arn:aws:iam::444455556666:root", Operations=["Decrypt"], Name=f"g-{number}-{turn}")
            opened = client.decrypt(CiphertextBlob=blob, EncryptionContext=context)
            assert opened["Plaintext"] == own
        return number

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        assert sorted(pool.map(work, builtins.range(CLIENTS))) == list(builtins.range(CLIENTS))
    # Nothing that was acknowledged is lost.
    grants = [g["Name"] for page in kms.get_paginator("list_grants").paginate(KeyId=one) for g in page["Grants"]]
    assert sorted(grants) == sorted(f"g-{n}-{t}" for n in builtins.range(2, CLIENTS, 4) for t in builtins.range(6))
    aliases = [a["AliasName"] for page in kms.get_paginator("list_aliases").paginate() for a in page["Aliases"]]
    assert len([a for a in aliases if a.startswith("alias/at-once-")]) == CLIENTS // 4 * 6
    rotations = [r for page in kms.get_paginator("list_key_rotations").paginate(KeyId=one) for r in page["Rotations"]]
    assert len({r["KeyMaterialId"] for r in rotations}) == CLIENTS // 16 * 6
