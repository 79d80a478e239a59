"""A proxy between a mount that reads and a store, which does not say who answers and counts what asks for attributes alone."""

import collections
import http.client
import http.server
import threading

TOGETHER_WITHIN_S = 60


class HttpProxy:
    """Listens at `endpoint`. `heads`: of each path, how often it was asked for by HEAD.

    After the first `alone` of them so many as `together` wait for each other: `apart` is set where they do not come.
    """

    def __init__(self, port, alone, together):
        self.heads = collections.Counter()
        self.alone = alone
        self.together = together
        self.gate = threading.Barrier(together)
        self.apart = threading.Event()
        self.lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                store = http.client.HTTPConnection("127.0.0.1", port)
                store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    store.putheader(name, value)
                store.endheaders()
                reply = store.getresponse()
                body = reply.read()
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    if name.lower() not in ("server", "connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                size = reply.headers["Content-Length"] if self.command == "HEAD" else len(body)
                self.send_header("Content-Length", size or 0)
                self.end_headers()
                self.wfile.write(body)
                store.close()

            def do_HEAD(self):
                proxy.count(self.path)
                self.do_GET()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, path):
        with self.lock:
            self.heads[path] += 1
            number = self.heads.total()
        if self.alone < number <= self.alone + self.together:
            try:
                self.gate.wait(TOGETHER_WITHIN_S)
            except threading.BrokenBarrierError:
                self.apart.set()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
