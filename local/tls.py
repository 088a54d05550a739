"""Create a certificate for the local AWS, and let other programs trust it."""

from collections.abc import Mapping

import trustme

from local.settings import LOOPBACK, Checkout

# The variables with trusted certificates for boto3 and the AWS CLI, requests, Python and Node.
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


def trusting(checkout: Checkout) -> dict[str, str]:
    """Return the environment of a program that trusts only this certificate."""
    return dict.fromkeys(TRUST, str(checkout.state / "ca.pem"))


def serving(checkout: Checkout) -> Mapping[str, str]:
    """Create a new certificate and return the environment variables that make ministack use it."""
    authority = trustme.CA()
    certificate = authority.issue_cert(LOOPBACK, "localhost")
    authority.cert_pem.write_to_path(str(checkout.state / "ca.pem"))
    chain, key = checkout.state / "tls.pem", checkout.state / "tls.key"
    certificate.private_key_pem.write_to_path(str(key))
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.chmod(0o600)
    return {"USE_SSL": "1", "MINISTACK_SSL_CERT": str(chain), "MINISTACK_SSL_KEY": str(key), **trusting(checkout)}
