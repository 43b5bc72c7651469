"""Look at a certificate and its key before anything starts."""

from __future__ import annotations

import ssl
from pathlib import Path

from ..api.server_args import ServerArgs
from ..discovery.certificate import own_certificate


class TlsUnusable(OSError):
    """The certificate or its key cannot be used; the text says why."""


def check_certificate(args: ServerArgs) -> None:
    """Make sure that a server can speak HTTPS, if it is to.

    Parameters
    ----------
    args
        Its arguments.

    Raises
    ------
    TlsUnusable
        If it cannot.
    """
    if args.tls_certificate is None:
        if args.tls_key is not None:
            raise TlsUnusable(f"{args.tls_key} is a key without a certificate: give --tls-certificate too")
        return
    key = args.tls_key or args.tls_certificate
    for path in (args.tls_certificate, key):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise TlsUnusable(f"{path} cannot be read: {error.strerror}") from None

    def no_passphrase() -> str:
        # Without it OpenSSL would ask on a terminal that nobody looks at.
        raise TlsUnusable(f"{key} is encrypted: give the key without a passphrase, readable only by you")

    try:
        own_certificate(args.tls_certificate)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(args.tls_certificate, key, no_passphrase)
    except TlsUnusable:
        raise
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise TlsUnusable(
            f"{args.tls_certificate} and {key} are not a certificate and its key in PEM ({reason})"
        ) from None
