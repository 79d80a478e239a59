"""A way to a server on which a connection stands still once so many bytes have passed, so that a client can be caught in the
middle of what it does, however fast it is."""

import contextlib
import socket
import threading

STEP_BYTES = 64 * 1024


class StallingProxy:
    """Each connection by itself; `up` or `down` None: without end. `stalled` is set when the first one stands still."""

    def __init__(self, server, up=None, down=None):
        self.target = ("127.0.0.1", server.port)
        self.limits = {"up": up, "down": down}
        self.stalled = threading.Event()
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if server.tls else "http"
        self.endpoint = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(self.target)
                self.connections += [client, server]
                for source, sink, way in [(client, server, "up"), (server, client, "down")]:
                    threading.Thread(target=self.forward, args=(source, sink, self.limits[way]), daemon=True).start()

    def forward(self, source, sink, limit):
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(STEP_BYTES):
                passed += len(piece)
                if limit is not None and passed > limit:
                    self.stalled.set()
                    continue
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        """The server is not to wait for connections that stand still."""
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
