"""ClickHouse's engine (PyPI `chdb`) behind as much of its HTTP interface as `engine-remote` speaks.

Settings, parameters and formats are the engine's own; of the protocol there are a body with one
statement, `param_*`, `default_format`, `X-ClickHouse-User` and `-Key`, and errors with their code.
There is no cancelling and no streaming: those are tested against fakes.

Prints `listening on PORT` once it does. The user is `suite` with the password `right`.
"""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

SESSION = Session()
LOCK = threading.Lock()
NOT_SETTINGS = {"default_format", "wait_end_of_query", "query_id", "database"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        statement = self.rfile.read(length).decode()
        pairs = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
        who = (self.headers.get("X-ClickHouse-User"), self.headers.get("X-ClickHouse-Key"))
        if who != ("suite", "right"):
            self.answer(403, b"Code: 516. DB::Exception: suite: Authentication failed", 516)
            return
        try:
            self.answer(200, self.run(statement, pairs))
        except Exception as error:  # whatever the engine throws is an answer
            text = str(error)
            code = re.search(r"Code: (\d+)", text)
            self.answer(500, text.encode(), int(code.group(1)) if code else 1000)

    def run(self, statement, pairs):
        values = {name[6:]: value for name, value in pairs if name.startswith("param_")}
        form = dict(pairs).get("default_format", "TabSeparated")
        with LOCK:
            for name, value in pairs:
                if not name.startswith("param_") and name not in NOT_SETTINGS:
                    SESSION.query(f"SET {name} = '{value}'")
            return SESSION.query(statement, form, params=values).bytes()

    def answer(self, status, body, code=None):
        self.send_response(status)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
