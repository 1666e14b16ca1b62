"""What a web page can try, and what it gets: the whole matrix."""

from __future__ import annotations

from itertools import product

import pytest

from redrive.shell.guard import Guard, function_url

GUARD = Guard(frozenset({"Redrive.internal"}), frozenset({"http://localhost:3000/", "HTTPS://app"}))

GOOD_HOSTS = (
    "localhost:4566",
    "127.0.0.1:4566",
    "127.0.0.1",
    "[::1]:4566",
    "LOCALHOST:4566",
    "queue.localhost:4566",
    "redrive.internal",
)
BAD_HOSTS = (
    None,
    "",
    "evil.example",
    "evil.example:4566",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evillocalhost",
    "localhost:4566,localhost:4566",
    "localhost:4566, evil.example",
    "localhost:abc",
    "localhost:123456",
    "user@localhost",
    "localhost/",
    ".localhost",
    "..localhost",
    "a..localhost",
    "localhost.",
    "a" * 64 + ".localhost",
    "a." * 200 + "localhost",
    "localhost ",
    " localhost",
    "127.0.0.2",
    "0.0.0.0",
    "[::2]",
    "[::1",
    "::1",
    "\xe9.localhost\n",
    "localhost\x00",
    "x" * 10_000,
    "abc.lambda-url.us-east-1.localhost:4566",
    "abc.lambda-url.localhost",
    "lambda-url.localhost",
    "a.b.lambda-url.us-east-1.localhost",
    "ABC.Lambda-URL.us-east-1.LOCALHOST",
)
ORIGINS = {
    None: True,
    "same": True,
    "let in": True,
    "null": False,
    "": False,
    "http://evil.example": False,
    "http://localhost:1": False,
    "http://localhost": False,
    "localhost:4566": False,
    "file://": False,
    "chrome-extension://abcdef": False,
    "http://same@evil.example": False,
    "http://same.evil.example": False,
    "\xff\xfe": False,
    "http://" + "x" * 10_000: False,
}
REFERERS = {
    None: True,
    "same": True,
    "same/with/a?path#and": True,
    "": False,
    "about:blank": False,
    "http://evil.example/http://same": False,
    "http://same@evil.example/": False,
    "http://evil.example/": False,
}
SITES = {
    None: True,
    "same-origin": True,
    "none": True,
    "same-site": False,
    "cross-site": False,
    "": False,
    "Same-Origin ": False,
}


def headers(
    host: str | None, origin: str | None, referer: str | None, site: str | None
) -> dict[str, str]:
    """Fill in what depends on the host."""
    own = host or "localhost:4566"
    if origin is not None:
        origin = {"same": f"http://{own}", "let in": "http://localhost:3000"}.get(
            origin, origin.replace("same", own)
        )
    if referer is not None and referer.startswith("same"):
        referer = f"http://{referer}"
    given = {
        "host": host,
        "origin": origin,
        "referer": referer.replace("same", own) if referer else referer,
        "sec-fetch-site": site,
    }
    return {name: value for name, value in given.items() if value is not None}


def test_every_combination() -> None:
    """Let in is only who passes every rule, or a configured origin under our own host."""
    tried = 0
    for host, origin, referer, site in product(GOOD_HOSTS + BAD_HOSTS, ORIGINS, REFERERS, SITES):
        expected = host in GOOD_HOSTS and (
            origin == "let in" or (ORIGINS[origin] and REFERERS[referer] and SITES[site])
        )
        found = GUARD.refusal(headers(host, origin, referer, site))
        assert (found is None) == expected, (host, origin, referer, site, found)
        assert found is None or len(found) < 1_000, "a refusal is short whatever was sent"
        tried += 1
    assert tried > 20_000


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [("https://app", True), ("HTTPS://APP", True), ("http://app", False), ("https://app:1", False)],
)
def test_configured_origins_are_whole(origin: str, is_let_in: bool) -> None:
    """Scheme, host and port must be those that were configured, in whatever case."""
    found = GUARD.refusal(
        {"host": "localhost:4566", "origin": origin, "sec-fetch-site": "cross-site"}
    )
    assert (found is None) == is_let_in


def test_what_clients_send_is_let_in() -> None:
    """SDKs and command lines send a Host and nothing else."""
    assert GUARD.refusal({"host": "127.0.0.1:4566", "user-agent": "aws-cli/2"}) is None


def test_memory_is_bounded() -> None:
    """Hosts that were let in are remembered, up to a number."""
    guard = Guard(frozenset(), frozenset())
    for n in range(1_000):
        assert guard.refusal({"host": f"q{n}.localhost"}) is None
    assert len(guard._known) <= 100


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("abc.lambda-url.us-east-1.localhost:4566", ("abc", "us-east-1")),
        ("abc.lambda-url.us-east-1.localhost", ("abc", "us-east-1")),
        ("ABC.Lambda-Url.US-EAST-1.LocalHost:1", ("abc", "us-east-1")),
        ("abc.lambda-url.us-east-1.on.aws", None),
        ("abc.lambda-url.us-east-1.localhost.evil.example", None),
        ("abc.lambda-url.us-east-1.localhost.", None),
        ("abc.lambda-url.us-east-1.localhost:x", None),
        ("abc.lambda-url.us-east-1.localhost,localhost", None),
        ("abc.lambda-url.us-east-1.localhost\n", None),
        ("a.abc.lambda-url.us-east-1.localhost", None),
        (".lambda-url.us-east-1.localhost", None),
        ("abc.lambda-url.localhost", None),
        ("localhost:4566", None),
        ("127.0.0.1", None),
        ("\u0131bc.lambda-url.us-east-1.localhost", None),
        ("", None),
    ],
)
def test_hosts_of_function_urls(host: str, expected: tuple[str, str] | None) -> None:
    """One label, a region and .localhost: nothing that a DNS server could answer for."""
    assert function_url({"host": host}) == expected
    assert function_url({}) is None
    if expected is not None:
        assert GUARD.refusal({"host": host}) is not None, "it is no name of the API"
