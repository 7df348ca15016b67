"""The programs of the story: circlemeter itself, and a made-up CircleCI."""

import json
import os
import queue
import socket
import subprocess
import tempfile
import threading

SECONDS = 30


class Service:
    """`circlemeter serve` in a data directory of its own. What it says goes to a file as well."""

    def __init__(self, program, circleci_url, viewer_token, log_path):
        self.program = program
        self.log_path = log_path
        self.temporary = tempfile.TemporaryDirectory(prefix="circlemeter-browser-")
        self.directory = os.path.join(self.temporary.name, "data")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CIRCLEMETER_")},
            "CIRCLEMETER_VIEWER_TOKEN": viewer_token,
            "CIRCLEMETER_SETTLE_LOOK_EVERY": "1s",
        }
        # Another process may take the port that was free a moment ago.
        for chance in range(3):
            try:
                self._start(circleci_url)
                return
            except RuntimeError:
                if chance == 2:
                    raise

    def _start(self, circleci_url):
        # The made-up CircleCI has to be told where to post, so this port is known before.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.public_url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [
                self.program, "serve", "--data-dir", self.directory,
                "--webhook-address", f"127.0.0.1:{port}", "--dashboard-address", "127.0.0.1:0",
                "--public-url", self.public_url, "--circleci-url", circleci_url,
                "--reconcile-every", "1s", "--settle-every", "off", "--api-calls-per-second", "1000",
            ],
            env=self.environment, stderr=subprocess.PIPE, text=True, errors="replace",
        )
        lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr, lines), daemon=True)
        self.reader.start()
        while (line := lines.get(timeout=SECONDS)) is not None:
            if line.startswith("dashboard: "):
                self.sign_in_url = line.split()[1]
                self.url = self.sign_in_url.split("/login/")[0]
                return
        raise RuntimeError(f"circlemeter serve ended before it listened; see {self.log_path}")

    def _read(self, stream, lines):
        with open(self.log_path, "a") as log:
            for line in stream:
                log.write(line)
                log.flush()
                lines.put(line)
        lines.put(None)

    def run(self, *arguments):
        """Runs a command of circlemeter beside the service, which has to succeed; returns what it printed."""
        done = subprocess.run(
            [self.program, *arguments, "--data-dir", self.directory],
            env=self.environment, capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 0, f"circlemeter {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def stop(self):
        """Ends it as an operator would, and says whether it ended well."""
        self.process.terminate()
        status = self.process.wait(timeout=SECONDS)
        self.reader.join(timeout=SECONDS)
        return status

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.temporary.cleanup()


class FakeCircleCI:
    """The made-up CircleCI, led by commands; see `fake-circleci --help`."""

    def __init__(self, program, seed):
        self.process = subprocess.Popen(
            [program, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.description = self._answer()
        self.url = self.description["url"]

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        assert "error" not in answer, f"fake-circleci {words[0]}: {answer['error']}"
        return answer

    def organization(self, name):
        return next(one for one in self.description["organizations"] if one["name"] == name)

    def job_runs(self, organization):
        """How many job runs there are to know of."""
        return self.ask("truth")["organizations"][organization]["job_runs"]

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "fake-circleci ended"
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
