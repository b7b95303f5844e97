"""The end of a certificate's validity, read from PEM without a library for TLS.

    Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { version [0] OPTIONAL, serialNumber, signature, issuer,
                               validity SEQUENCE { notBefore, notAfter }, ... }, ... }

Source: RFC 5280, sections 4.1 and 4.1.2.5; lengths and tags: ITU-T X.690, section 8.1.
"""

import base64
import re
from datetime import UTC, datetime

_PEM = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END")
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_FIELDS_BEFORE_VALIDITY = 3
_LONG_FORM = 0x80
_CENTURY_TURNS_AT = 50  # two digits of a year below are of this century


def not_after_seconds(pem: bytes) -> list[float]:
    """When each certificate in `pem` expires, in seconds since the epoch; at least one, or ValueError says why not."""
    found = [_not_after(base64.b64decode(match[1])) for match in _PEM.finditer(pem)]
    if not found:
        raise ValueError("there is no PEM certificate in it")
    return found


def _not_after(der: bytes) -> float:
    to_be_signed = _content(_content(der, _SEQUENCE), _SEQUENCE)
    tag, _, rest = _element(to_be_signed)
    fields = _FIELDS_BEFORE_VALIDITY if tag == _VERSION else _FIELDS_BEFORE_VALIDITY - 1
    for _ in range(fields):
        _, _, rest = _element(rest)
    _, _, after = _element(_content(rest, _SEQUENCE))
    tag, written, _ = _element(after)
    return _seconds(tag, written.decode("ascii"))


def _seconds(tag: int, written: str) -> float:
    if tag == _UTC_TIME:
        written = f"{'20' if int(written[:2]) < _CENTURY_TURNS_AT else '19'}{written}"
    elif tag != _GENERALIZED_TIME:
        raise ValueError("its end is not written as a time")
    return datetime.strptime(written, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _content(data: bytes, expected_tag: int) -> bytes:
    tag, content, _ = _element(data)
    if tag != expected_tag:
        raise ValueError("it is not built like a certificate")
    return content


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element in `data`, and what follows it."""
    if len(data) < 2:
        raise ValueError("it is cut short")
    tag, length, start = data[0], data[1], 2
    if length & _LONG_FORM:
        start += length & ~_LONG_FORM
        length = int.from_bytes(data[2:start])
    if start + length > len(data):
        raise ValueError("it is cut short")
    return tag, data[start : start + length], data[start + length :]
