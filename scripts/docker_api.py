"""The Docker Engine's HTTP API without the docker command, and `docker_api.py ping HOST`."""

import http.client
import json
import os
import socket
import sys

DEFAULT_HOST = "unix:///var/run/docker.sock"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    def __init__(self, host=None):
        self.host = host or os.environ.get("DOCKER_HOST") or DEFAULT_HOST

    def request(self, method, path, body=None, content_type="application/json", timeout=60):
        """Status and body of one request; raises OSError when the engine cannot be reached."""
        scheme, _, address = self.host.partition("://")
        if scheme == "unix":
            connection = _UnixConnection(address, timeout)
        elif scheme in ("tcp", "http"):
            connection = http.client.HTTPConnection(address, timeout=timeout)
        else:
            raise OSError(f"{scheme}:// is not understood, only unix:// and tcp://")
        try:
            connection.request(method, path, body, {"Content-Type": content_type})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as problem:
            raise OSError(f"no HTTP answer: {problem!r}") from problem
        finally:
            connection.close()

    def stream(self, path, body, timeout):
        """One request that answers with JSON lines; raises OSError with the first error among them."""
        status, answer = self.request("POST", path, body, "application/x-tar", timeout)
        lines = [json.loads(line) for line in answer.splitlines() if line.strip()]
        errors = [line.get("error") or line.get("message") for line in lines if status != 200 or "error" in line]
        if errors:
            raise OSError(errors[0])


if __name__ == "__main__":
    try:
        status, _ = Engine(sys.argv[2]).request("GET", "/_ping", timeout=5)
        sys.exit(None if status == 200 else f"/_ping answers {status}")
    except OSError as problem:
        sys.exit(problem.strerror or str(problem))
