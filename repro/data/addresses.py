"""Requests to web addresses: user agent, password, proxy, certificates, and what is printed."""

from __future__ import annotations

import base64
import functools
import os
import ssl
import urllib.request
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import repro
from repro.errors import DataError, sentence

_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a file of certificates; the first that is set counts."""


def is_address(text: str) -> bool:
    """Whether `text` begins as a web address does, in whatever case."""
    return text.lower().startswith(("http://", "https://"))


def printable(url: str) -> str:
    """The address without password and query, which may be secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts._replace(netloc=_host(parts), query="", fragment="").geturl()


def open_address(url: str, *, timeout_s: float, headers: Mapping[str, str]) -> HTTPResponse:
    """Ask for `url`; `user:password@` before its host is sent as HTTP's basic authentication.

    Raises:
        DataError: it is no http or https address, or the proxy that is set cannot be used.
        OSError, http.client.HTTPException: the host cannot be reached or refuses.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DataError(
            sentence("{url}: not an address: {error}", url=printable(url), error=error)
        ) from None
    if parts.scheme not in {"http", "https"}:
        raise DataError(sentence("{url}: expected an http or https address", url=printable(url)))
    _check_proxy(parts)
    given = {"User-Agent": f"repro/{repro.__version__}", **headers}
    if "@" in parts.netloc:
        secret = unquote(parts.netloc.rpartition("@")[0]).encode()
        given["Authorization"] = "Basic " + base64.b64encode(secret).decode()
        url = parts._replace(netloc=_host(parts)).geturl()
    request = urllib.request.Request(url, headers=given)  # noqa: S310 - scheme checked above
    context = _certificates() if parts.scheme == "https" else None
    opened: Any = urllib.request.urlopen(request, timeout=timeout_s, context=context)  # noqa: S310
    return opened  # type: ignore[no-any-return]


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _check_proxy(parts: SplitResult) -> None:
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if proxy and not is_address(proxy) and "://" in proxy:
        raise DataError(
            sentence(
                "{scheme}_proxy: expected an http:// proxy; got {proxy}",
                scheme=parts.scheme,
                proxy=printable(proxy),
            )
        )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Those of the system, or those in the file that a variable names.

    Raises:
        DataError: the file cannot be read, or has none.
    """
    for name in _CERTIFICATES:
        if path := os.environ.get(name):
            try:
                return ssl.create_default_context(cafile=path)
            except OSError as error:
                raise DataError(
                    sentence(
                        "{name}={path}: no certificates can be read: {error}",
                        name=name,
                        path=path,
                        error=error,
                    )
                ) from None
    return ssl.create_default_context()
