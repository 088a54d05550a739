"""TLS on the local AWS: a certificate of its own, and the trust in it that every program beside it needs."""

from collections.abc import Mapping

import trustme

from local.settings import LOOPBACK, Checkout

# Where boto3 and the AWS CLI, requests, Python itself, and Node look for whom to trust.
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


def trusting(checkout: Checkout) -> dict[str, str]:
    """The environment of a program that trusts the certificate, and no other."""
    return dict.fromkeys(TRUST, str(checkout.state / "ca.pem"))


def serving(checkout: Checkout) -> Mapping[str, str]:
    """The environment of a ministack that serves with the certificate, which is made anew."""
    authority = trustme.CA()
    certificate = authority.issue_cert(LOOPBACK, "localhost")
    authority.cert_pem.write_to_path(str(checkout.state / "ca.pem"))
    chain, key = checkout.state / "tls.pem", checkout.state / "tls.key"
    certificate.private_key_pem.write_to_path(str(key))
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.chmod(0o600)
    return {"USE_SSL": "1", "MINISTACK_SSL_CERT": str(chain), "MINISTACK_SSL_KEY": str(key), **trusting(checkout)}
