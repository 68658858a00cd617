"""Identity providers of the tests' own: an OpenID Connect provider that listens on HTTPS with a certificate of its own, and a
SAML provider whose responses are signed by an implementation that is not the range's."""

import base64
import datetime
import hashlib
import http.server
import json
import ssl
import threading
import time
import uuid
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey
from lxml import etree
from signxml import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod, XMLSigner


def pem(key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certificate(name, key, issuer=None, issuer_key=None, hosts=(), ca=False):
    """A certificate, signed by its issuer or by itself."""
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
    return builder.sign(issuer_key or key, hashes.SHA256())


def thumbprint(cert) -> str:
    return hashlib.sha1(cert.public_bytes(serialization.Encoding.DER)).hexdigest()


class OidcProvider:
    """An OpenID Connect provider at https://localhost:<port>/tenant. What it answers can be changed."""

    def __init__(self, folder: Path, chain=True, hosts=("localhost",)):
        authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.authority = certificate("authority", authority_key, ca=True)
        leaf = certificate("localhost", key, self.authority, authority_key, hosts) if chain else certificate("localhost", key, hosts=hosts)
        self.thumbprint = thumbprint(self.authority if chain else leaf)
        shown = [leaf, self.authority] if chain else [leaf]
        files = folder / f"chain-{uuid.uuid4()}.pem"
        files.write_bytes(pem(key) + b"".join(cert.public_bytes(serialization.Encoding.PEM) for cert in shown))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files)

        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                provider.asked.append(self.path)
                status, headers, body = provider.answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]
        self.url = f"https://localhost:{self.port}/tenant"
        self.name = self.url.removeprefix("https://")
        self.asked = []
        self.headers = {}
        self.delay = 0
        self.keys = {"first": RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})}
        self.documents = {}

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def discovery(self):
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def answer(self, path):
        time.sleep(self.delay)
        if path in self.documents:
            return self.documents[path]
        if path == "/tenant/.well-known/openid-configuration":
            return 200, self.headers, json.dumps(self.discovery()).encode()
        if path == "/tenant/keys":
            public = {"keys": [key.as_dict(private=False) for key in self.keys.values()]}
            return 200, self.headers, json.dumps(public).encode()
        return 404, {}, b""

    def add_key(self, kid, key=None):
        self.keys[kid] = key or RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})
        return self.keys[kid]

    def token(self, kid="first", algorithm="RS256", key=None, header=None, **claims):
        """A token for the audience `app`; a claim that is None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": "app", "sub": "anna", "iat": now, "exp": now + 600} | claims
        said = {name: value for name, value in said.items() if value is not None}
        header = {"alg": algorithm, "kid": kid} | (header or {})
        algorithms = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "HS256", "PS256"]
        return jwt.encode(header, said, key or self.keys[kid], algorithms=algorithms)


SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
AWS = "https://aws.amazon.com/SAML/Attributes/"
SIGN_IN = "https://signin.aws.amazon.com/saml"


def instant(seconds=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class SamlProvider:
    """A SAML identity provider; signxml signs for it."""

    def __init__(self, entity="https://idp.example.com/saml", key=None):
        self.entity = entity
        self.key = key or rsa.generate_private_key(65537, 2048)
        self.certificate = certificate("idp.example.com", self.key)

    def metadata(self, attributes=""):
        body = base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.entity}" {attributes}>
  <md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}" WantAuthnRequestsSigned="false">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>{" " * 1000}"""

    def assertion(self, roles, name="anna", session="anna@example.com", audience=SIGN_IN, recipient=SIGN_IN, issued=0, lasts=240, attributes=None):
        """An assertion that is not signed. `roles` are pairs of ARNs in text; an attribute that is None is left out."""
        said = {AWS + "Role": roles, AWS + "RoleSessionName": session} | (attributes or {})
        listed = ""
        for attribute, values in said.items():
            if values is not None:
                values = [values] if isinstance(values, str) else values
                inner = "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
                listed += f'<saml:Attribute Name="{attribute}">{inner}</saml:Attribute>'
        return f"""<saml:Assertion xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{instant(issued)}">
<saml:Issuer>{self.entity}</saml:Issuer>
<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{name}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{instant(issued + lasts)}" Recipient="{recipient}"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{instant(issued - 5)}" NotOnOrAfter="{instant(issued + lasts)}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{instant(issued)}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement>{listed}</saml:AttributeStatement></saml:Assertion>"""

    def response(self, content, status="Success"):
        """A response that is not signed."""
        return f"""<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{instant()}" Destination="{SIGN_IN}">
<saml:Issuer>{self.entity}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>{content}</samlp:Response>"""

    def sign(self, xml, method=SignatureMethod.RSA_SHA256, digest=DigestAlgorithm.SHA256, key=None):
        """Signs a response or an assertion, after its issuer, as SAML has it."""
        root = etree.fromstring(xml)
        place = etree.SubElement(root, "{http://www.w3.org/2000/09/xmldsig#}Signature", Id="placeholder")
        root.insert(1, place)
        signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=method,
            digest_algorithm=digest,
            c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
        )
        cert = self.certificate.public_bytes(serialization.Encoding.PEM)
        signed = signer.sign(root, key=key or self.key, cert=[cert], reference_uri=root.get("ID"))
        return etree.tostring(signed).decode()

    def good(self, roles, **said):
        """A response whose assertion is signed."""
        return encoded(self.response(self.sign(self.assertion(roles, **said))))


def encoded(xml):
    return base64.b64encode(xml.encode()).decode()


def encrypted(assertion, public_key):
    """An encrypted assertion: AES-256-GCM, and RSA-OAEP for its key."""
    content_key, nonce = AESGCM.generate_key(256), uuid.uuid4().bytes[:12]
    sealed = base64.b64encode(nonce + AESGCM(content_key).encrypt(nonce, assertion.encode(), None)).decode()
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    wrapped = base64.b64encode(public_key.encrypt(content_key, oaep)).decode()
    return f"""<saml:EncryptedAssertion xmlns:saml="{SAML}"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">
<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey>
<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"><ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/></xenc:EncryptionMethod>
<xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>
<xenc:CipherData><xenc:CipherValue>{sealed}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"""
