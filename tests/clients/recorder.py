"""A relay between the clients and the proxy that writes down what passes, and changes nothing.

    recorder.py --record FILE --to URL [--port N]

It prints its address. FILE takes the same lines as the upstream's: a request with its body as the client sent it, but
for its content encoding, and the status and the proxy's headers of its answer. Answers go on piece by piece; whoever
hangs up is hung up on at the other end.
"""

import argparse
import asyncio

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from upstream import Journal, decoded, serve

# They belong to a connection, and each of the two has its own.
HOPS = {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "expect"}


def passing(headers, upgrades=False):
    return CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if name.lower() not in HOPS or (upgrades and name.lower() == "connection")
    )


class Recorder:
    def __init__(self, journal, to):
        self.journal, self.to, self.session = journal, to, None

    async def handle(self, request):
        if self.session is None:
            self.session = aiohttp.ClientSession(
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
                skip_auto_headers=["user-agent", "accept", "accept-encoding", "content-type"],
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
            )
        body = await request.read()
        number = self.journal.arrived(request, decoded(request.headers, body))
        # A request without a body must not become one with an empty body.
        asked = self.session.request(
            request.method,
            self.to + request.path_qs,
            headers=passing(request.headers, upgrades="upgrade" in request.headers),
            data=body if request.can_read_body or body else None,
            allow_redirects=False,
        )
        how = "hung up"
        try:
            async with asked as answer:
                ours = {name.lower(): value for name, value in answer.headers.items() if "weighbridge" in name.lower()}
                self.journal.write(number=number, event="answer", status=answer.status, headers=ours)
                response = web.StreamResponse(status=answer.status, headers=passing(answer.headers))
                if "content-length" in answer.headers:
                    response.content_length = int(answer.headers["content-length"])
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
            how = "answered"
            return response
        except aiohttp.ClientError as problem:
            how = f"broke off: {problem!r}"
            if request.transport:  # what broke there must break here, not look whole
                request.transport.abort()
            raise asyncio.CancelledError from problem
        finally:
            self.journal.write(number=number, event="end", how=how)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--record", required=True)
    options.add_argument("--to", required=True)
    options.add_argument("--port", type=int, default=0)
    given = options.parse_args()
    try:
        asyncio.run(serve(Recorder(Journal(given.record), given.to).handle, given.port))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
