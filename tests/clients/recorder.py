"""A relay between the clients and the proxy that reads along and changes nothing: not a byte, and no connection.

    recorder.py --record FILE --to URL

It prints its address. FILE takes the same lines as the upstream's: a request with its body as the client sent it, but
for its content encoding, the status and the proxy's headers of its answer, and how it ended.
"""

import argparse
import asyncio
import urllib.parse
from collections import deque

from upstream import Journal, decoded


class Messages:
    """Cuts one direction of an HTTP/1.1 connection into messages."""

    def __init__(self, length):
        self.length = length  # of the body, from the start line and the headers: bytes, "chunked", or None up to the end
        self.buffer, self.head, self.body, self.left = b"", None, b"", 0

    def feed(self, data):
        """Gives `(start line, headers, None)` when a head is there and `(start line, headers, body)` with its body."""
        self.buffer += data
        while True:
            if self.head is None:
                head, mark, rest = self.buffer.partition(b"\r\n\r\n")
                if not mark:
                    return
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                self.buffer, self.head, self.body = rest, (first, headers), b""
                self.left = self.length(first, headers)
                yield *self.head, None
            if not self.take():
                return
            head, self.head = self.head, None
            yield *head, self.body

    def take(self):
        """Moves what there is of a body; whether it is whole."""
        if self.left == "chunked":
            return self.take_chunks()
        taken = self.buffer if self.left is None else self.buffer[: self.left]
        self.body, self.buffer = self.body + taken, self.buffer[len(taken) :]
        if self.left is None:
            return False
        self.left -= len(taken)
        return self.left == 0

    def take_chunks(self):
        while True:
            line, mark, rest = self.buffer.partition(b"\r\n")
            if not mark:
                return False
            size = int(line.partition(b";")[0], 16)
            if len(rest) < size + 2:
                return False
            if size == 0:  # trailers are not sent by those who meet here
                self.buffer = rest[2:]
                return True
            self.body, self.buffer = self.body + rest[:size], rest[size + 2 :]


def length_of_request(_, headers):
    return "chunked" if "transfer-encoding" in headers else int(headers.get("content-length", 0))


class Connection:
    """What passes on one connection, as lines for the journal."""

    def __init__(self, journal):
        self.journal = journal
        self.waiting = deque()  # (number, method) of requests whose answer is not whole
        self.requests, self.answers = Messages(length_of_request), Messages(self.length_of_answer)

    def length_of_answer(self, first, headers):
        status = int(first.split()[1])
        if status < 200 or status in (204, 304) or (self.waiting and self.waiting[0][1] == "HEAD"):
            return 0
        if "transfer-encoding" in headers:
            return "chunked"
        return int(headers["content-length"]) if "content-length" in headers else None

    def from_client(self, data):
        for first, headers, body in self.requests.feed(data):
            if body is not None:
                method, path, _ = first.split()
                number = self.journal.arrived(method, path, headers, decoded(headers, body))
                self.waiting.append((number, method))

    def from_proxy(self, data):
        for first, headers, body in self.answers.feed(data):
            status = int(first.split()[1])
            if status < 200 or not self.waiting:  # `100 Continue`, or a refusal before the request was whole
                continue
            number = self.waiting[0][0]
            if body is None:
                ours = {name: value for name, value in headers.items() if "weighbridge" in name}
                self.journal.write(number=number, event="answer", status=status, headers=ours)
            else:
                self.journal.write(number=self.waiting.popleft()[0], event="end", how="answered")

    def over(self):
        while self.waiting:
            self.journal.write(number=self.waiting.popleft()[0], event="end", how="hung up")


async def pump(reader, writer, tap):
    try:
        while data := await reader.read(65536):
            tap(data)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:  # reset by one side, so by both
        writer.transport.abort()


async def relay(journal, to, reader, writer):
    there, back = await asyncio.open_connection(*to)
    connection = Connection(journal)
    pumps = [
        asyncio.create_task(pump(reader, back, connection.from_client)),
        asyncio.create_task(pump(there, writer, connection.from_proxy)),
    ]
    try:
        await asyncio.gather(*pumps)
    finally:
        connection.over()
        writer.close(), back.close()


async def serve(journal, to):
    server = await asyncio.start_server(lambda *streams: relay(journal, to, *streams), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--record", required=True)
    options.add_argument("--to", required=True)
    given = options.parse_args()
    to = urllib.parse.urlsplit(given.to)
    try:
        asyncio.run(serve(Journal(given.record), (to.hostname, to.port)))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
