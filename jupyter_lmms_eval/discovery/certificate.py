"""Trust in the certificate of one's own server: exactly that one, whoever signed it and whatever names it has.

The record that tells of the server is private to its user, so what it says needs no further witness.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=16)
def trusting(certificate: str) -> ssl.SSLContext:
    """Make a context for connections to the server that has a certificate.

    Parameters
    ----------
    certificate
        In PEM, as `own_certificate` reads it. It must not have expired.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The certificate is for the server's name on the network; on its own machine it is asked as localhost.
    context.check_hostname = False
    # Nobody else is trusted, so the certificate need not be one that signs others.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def own_certificate(path: str | Path) -> str:
    """Read the first certificate of a file: the server's own; those that signed it follow.

    Parameters
    ----------
    path
        A file in PEM.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it holds no certificate.
    """
    text = Path(path).read_text(encoding="ascii", errors="replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    _, found, rest = text.partition(begin)
    body, ended, _ = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{path} holds no certificate in PEM")
    return f"{begin}{body}{end}\n"
