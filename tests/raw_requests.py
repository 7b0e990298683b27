"""Requests that no client library would send, by the thousand."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.serving import JPEG, LIVE

PART = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
BODY = PART + JPEG + b"\r\n--edge--\r\n"
HEADERS = (b"Host: catdog.test", b"Content-Type: multipart/form-data; boundary=edge")
JUNK = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b":",
    b";",
    b'"',
    b"\xff\xfe",
    b"--edge",
    b"--edge--",
    b"=",
    b"%00",
    b" " * 9,
    b"\t",
)


def request(body: bytes, headers: Sequence[bytes] = HEADERS, start: bytes = b"POST /predict HTTP/1.1") -> bytes:
    """Return a request with its length declared."""
    return b"\r\n".join([start, *headers, b"Content-Length: %d" % len(body), b"", body])


def chunked(body: bytes, sizes: Sequence[bytes], chance: Random) -> bytes:
    """Return a request in chunks, whose sizes are as they should be or among those given."""
    lines = [b"POST /predict HTTP/1.1", *HEADERS, b"Transfer-Encoding: chunked", b""]
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    written = [(chance.choice(sizes) if chance.random() < 0.3 else b"%x" % len(piece), piece) for piece in pieces]
    return b"\r\n".join([*lines, *(line for piece in written for line in piece), b"0\r\n\r\n"])


def junk_in_the_body(chance: Random) -> bytes:
    """Put odd bytes among the lines of the form."""
    body = BODY
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(PART) + 5) if chance.random() < 0.8 else chance.randrange(len(BODY))
        body = body[:at] + chance.choice(JUNK) + body[at + chance.randint(0, 3) :]
    return request(body)


def junk_in_the_header(chance: Random) -> bytes:
    """Put odd bytes into the request's own lines."""
    whole = request(BODY)
    at = chance.randrange(whole.index(b"\r\n\r\n") + 4)
    return whole[:at] + chance.choice(JUNK) + whole[at + chance.randint(0, 3) :]


def another_boundary(chance: Random) -> bytes:
    """Name a boundary that the body does not have, or none that may be."""
    boundary = chance.choice(
        [b"", b"e", b"edge-", b"--edge", b'"edge', b'"edge"', b"edge; boundary=x", b"x" * 300, b"\xe9", b"a b"]
    )
    return request(BODY, [HEADERS[0], b"Content-Type: multipart/form-data; boundary=" + boundary])


def another_charset(chance: Random) -> bytes:
    """Name a charset that makes odd things of a form's fields."""
    charset = chance.choice([b"undefined", b"unicode_escape", b"punycode", b"idna", b"hex", b"\xe9"])
    field = b'--edge\r\nContent-Disposition: form-data; name="\\ud800"\r\n\r\n' + b"a-" * 5000 + b"\r\n"
    return request(field * chance.choice([1, 90]) + BODY, [HEADERS[0], HEADERS[1] + b"; charset=" + charset])


def without_an_end(chance: Random) -> bytes:
    """Cut the body, and declare what is left or the whole."""
    cut = BODY[: chance.randrange(len(BODY))]
    return request(cut) if chance.random() < 0.7 else request(BODY)[: len(cut) - len(BODY)]


def doubled_headers(chance: Random) -> bytes:
    """Say some things twice, and differently, or things that do not go together."""
    more = [
        b"Content-Length: 5",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 0x10",
        b"Content-Type: image/jpeg",
        b"Content-Type: multipart/form-data; boundary=other",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: identity",
        b"Host: another.test",
        b"Expect: 100-continue",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x",
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ",
        b"Content-Encoding: gzip",
        b"Connection: keep-alive, close\r\n folded: onto the line before",
        b"X: " + b"y" * chance.choice([10, 8000, 70_000]),
        b"\r\n".join(b"X-%d: y" % number for number in range(chance.choice([10, 3000]))),
    ]
    return request(BODY, [*HEADERS, *chance.sample(more, chance.randint(1, 3))])


def broken_chunks(chance: Random) -> bytes:
    """Write sizes of chunks that are none, or not theirs."""
    sizes = [
        b"",
        b"-1",
        b"0",
        b"ffffffffffffffffffff",
        b"g",
        b"64;x=" + b"y" * 500,
        b"00000064",
        b" 64",
        b"65",
        b"63",
        b"0x64",
    ]
    return chunked(BODY, sizes, chance)


def odd_parts(chance: Random) -> bytes:
    """Send forms with parts that are many, nested, nameless, encoded, or have headers beyond measure."""
    head = b"--edge\r\nContent-Disposition: form-data; "
    parts = [
        head + b'name="file"\r\n\r\ntext\r\n',
        head + b'name="file"; filename=""\r\n\r\n\r\n',
        head + b"name=file; filename*=utf-8''%e2%82\r\n\r\nx\r\n",
        head + b'name="' + b"n" * chance.choice([10, 20_000]) + b'"\r\n\r\nx\r\n',
        b"--edge\r\n\r\nx\r\n",
        b"--edge\r\nContent-Type: multipart/mixed; boundary=inner\r\n\r\n--inner\r\n\r\nx\r\n--inner--\r\n",
        b"--edge\r\nX: " + b"y" * 20_000 + b"\r\n\r\nx\r\n",
        b"--edge\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(300)) + b"\r\nx\r\n",
        PART.replace(b"image/jpeg", b"text/plain; charset=utf-7") + JPEG + b"\r\n",
        head + b'name="file"; filename="x"\r\nContent-Transfer-Encoding: base64\r\n\r\n/9j/\r\n',
    ]
    chosen = [chance.choice(parts) * chance.choice([1, 1, 1, 60]) for _ in range(chance.randint(1, 4))]
    return request(b"".join(chosen) + b"--edge--" + chance.choice([b"", b"\r\n", b"and more"]))


def in_a_row(chance: Random) -> bytes:
    """Send several requests at once, right ones and others."""
    offer = b"Connection: Upgrade\r\nUpgrade: h2c"
    others = [
        request(BODY),
        request(BODY, [*HEADERS, offer]),
        chunked(BODY, [b"64"], chance).replace(b"\r\n\r\n", b"\r\n" + offer + b"\r\n\r\n", 1),
        LIVE,
        b"GET /health/live HTTP/1.1\r\n\r\n",
        junk_in_the_body(chance),
        b"GET / HTTP/1.0\r\n\r\n",
    ]
    return b"".join(chance.choice(others) for _ in range(chance.randint(2, 6)))


def noise(chance: Random) -> bytes:
    """Send no HTTP at all."""
    return chance.choice([b"", b"\r\n", b"GET ", b"\x16\x03\x01\2\0", b"PRI * HTTP/2.0\r\n\r\n"]) + chance.randbytes(
        200
    )


KINDS: Sequence[Callable[[Random], bytes]] = (
    junk_in_the_body,
    junk_in_the_header,
    another_boundary,
    another_charset,
    without_an_end,
    doubled_headers,
    broken_chunks,
    odd_parts,
    in_a_row,
    noise,
)


def odd_requests(count: int, seed: int = 4) -> Iterator[tuple[str, bytes]]:
    """Yield so many requests, each with the words that say how to make it again."""
    for number in range(count):
        make = KINDS[number % len(KINDS)]
        yield f"{make.__name__}, seed {seed}, number {number}", make(Random(f"{seed} {number}"))  # noqa: S311  # no secret
