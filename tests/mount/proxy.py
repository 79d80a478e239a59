"""A proxy between a client and a server that delays what passes, breaks connections, or lets nothing through for a while."""

import random
import socket
import threading
import time

PIECE_BYTES = 64 * 1024
QUEUE_PIECES = 256


class Proxy:
    """Listens at `endpoint`. What is set holds from then on, for open connections too.

    `delay_s`: each way, without making the stream narrower. `bytes_per_s`: of each connection, each way.
    `break_after_bytes`: a connection ends, without a word, once so many bytes or more came from the server through it, each
    a random part of that. `passing`: cleared, nothing passes; `dead`: nobody is answered.
    """

    def __init__(self, port, seed=1):
        self.target = ("127.0.0.1", port)
        self.delay_s = 0.0
        self.bytes_per_s = None
        self.break_after_bytes = None
        self.dead = False
        self.passing = threading.Event()
        self.passing.set()
        self.connections = 0
        self.broken = 0
        self.random = random.Random(seed)
        self.open = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.dead:
                client.close()
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.open |= {client, server}
            for source, sink, counts in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pass_on, args=(source, sink, counts), daemon=True).start()

    def pass_on(self, source, sink, counts):
        """Reads on one thread and writes on another, so that a delay does not narrow the stream."""
        line, changed = [], threading.Condition()

        def write():
            while True:
                with changed:
                    while not line:
                        changed.wait()
                    due, piece = line.pop(0)
                    changed.notify()
                time.sleep(max(0.0, due - time.monotonic()))
                self.passing.wait()
                if not piece:
                    return self.shut(sink, socket.SHUT_WR)
                try:
                    sink.sendall(piece)
                    rate = self.bytes_per_s
                    if rate:
                        time.sleep(len(piece) / rate)
                except OSError:
                    return self.shut(source, socket.SHUT_RDWR)

        threading.Thread(target=write, daemon=True).start()
        passed = 0
        limit = self.random.random()
        while True:
            try:
                piece = source.recv(PIECE_BYTES)
            except OSError:
                piece = b""
            passed += len(piece)
            if counts and self.break_after_bytes is not None and passed > limit * self.break_after_bytes:
                self.broken += 1
                self.shut(source, socket.SHUT_RDWR)
                self.shut(sink, socket.SHUT_RDWR)
                piece = b""
            with changed:
                while len(line) >= QUEUE_PIECES:
                    changed.wait()
                line.append((time.monotonic() + self.delay_s, piece))
                changed.notify()
            if not piece:
                return

    @staticmethod
    def shut(end, how):
        try:
            end.shutdown(how)
        except OSError:
            pass

    def cut(self):
        """Ends what is open."""
        with self.lock:
            ends, self.open = self.open, set()
        for end in ends:
            self.shut(end, socket.SHUT_RDWR)

    def die(self):
        """Until `dead` is false again."""
        self.dead = True
        self.cut()

    def close(self):
        self.shut(self.listener, socket.SHUT_RDWR)
        self.listener.close()
        self.passing.set()
        self.cut()
