"""Bytes to a server and back, with nothing between that would mend them."""

import dataclasses
import socket
import ssl
import urllib.parse
import xml.etree.ElementTree as ElementTree

# Never reached by a server that answers; servers of these tests have longer timeouts than this where they must not help.
PATIENCE_S = 60


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict
    body: bytes
    interim: list  # statuses of what came before, such as 100

    @property
    def code(self):
        """The S3 code of an error, with the elements that every error has."""
        error = ElementTree.fromstring(self.body)
        assert error.tag == "Error", self.body
        assert error.findtext("Message") and error.findtext("Resource"), self.body
        assert error.findtext("RequestId") == self.headers["x-amz-request-id"], self.body
        return error.findtext("Code")

    @property
    def outcome(self):
        return (self.status, self.code) if self.body else (self.status, None)


class Wire:
    """One connection."""

    def __init__(self, server, timeout_s=PATIENCE_S, receive_buffer=None, handshake=True):
        where = urllib.parse.urlsplit(server.endpoint)
        self.host = where.netloc
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout_s)
        self.socket.connect((where.hostname, where.port))
        if server.tls and handshake:
            context = client_context(server.verify)
            self.socket = context.wrap_socket(self.socket, server_hostname=where.hostname)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_as_far_as_possible(self, data):
        """A server that has refused may close while we still talk."""
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def more(self):
        """Whether anything more came; False once the server has closed."""
        try:
            piece = self.socket.recv(65_536)
        except (ConnectionResetError, ssl.SSLEOFError, BrokenPipeError):
            piece = b""
        self.received += piece
        return bool(piece)

    def reply(self, method="GET"):
        """The next final reply; None if the connection ended instead."""
        interim = []
        while True:
            while b"\r\n\r\n" not in self.received:
                if not self.more():
                    assert not self.received, self.received
                    return None
            head, self.received = self.received.split(b"\r\n\r\n", 1)
            first, *lines = head.decode("latin-1").split("\r\n")
            version, status = first.split(" ")[:2]
            assert version == "HTTP/1.1", first
            if int(status) >= 200:
                break
            interim.append(int(status))
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = 0 if method == "HEAD" or status in ("204", "304") else int(headers["content-length"])
        while len(self.received) < size:
            assert self.more(), "the connection ended within a reply"
        body, self.received = self.received[:size], self.received[size:]
        return Reply(int(status), headers, body, interim)

    def ended(self):
        """Whether the server closes without another byte."""
        return not self.received and not self.more()


def client_context(authority, cache={}):  # noqa: B006
    """Contexts take longer to make than connections."""
    if authority not in cache:
        cache[authority] = ssl.create_default_context(cafile=authority)
    return cache[authority]


def exchange(server, request, *more, body=None):
    """A request with its body, and the reply."""
    body = request.body if body is None else body
    length = [("Content-Length", str(len(body)))] if body or request.method in ("PUT", "POST") else []
    with Wire(server) as wire:
        wire.send(request.head(*length, *more) + body)
        return wire.reply(request.method)
