"""A server made of aiocoap that plays the cloud: POST /auth and POST /topic/...

    aiocoap_server.py PORT ACCESS_TOKEN_LENGTH

The last segment of a topic says how to answer (see Topic). Ends when its
standard input does, so that it does not outlive the test.
"""

import asyncio
import json
import logging
import sys

import aiocoap
from aiocoap import Code, Message
from aiocoap.numbers.constants import TransportTuning
from aiocoap.numbers.types import CON
from aiocoap.resource import PathCapable, Resource, Site

ACCESS_TOKEN = 61
# A busy machine must not make a quick answer a separate one: aiocoap's own 0.1 s
# would.
TransportTuning.EMPTY_ACK_DELAY = 0.5
# Longer than that, and shorter than the client's 2 s.
SLOW = 1.0


class Cloud:
    def __init__(self, token_length):
        self.token_length = token_length
        self.sign_ins = 0
        self.context = None

    def new_token(self):
        self.sign_ins += 1
        return f"{self.sign_ins:0>{self.token_length}}"

    async def ping(self, remote):
        """Sends an Empty Confirmable message; waits for its Reset."""
        was_reset = asyncio.get_running_loop().create_future()
        ping = Message(code=Code.EMPTY, _mtype=CON)
        ping.remote = remote
        (tokens,) = self.context.request_interfaces
        tokens.token_interface.send_message(ping, lambda: was_reset.set_result(None))
        await asyncio.wait_for(was_reset, 5)


class Auth(Resource):
    def __init__(self, cloud):
        super().__init__()
        self.cloud = cloud

    async def render_post(self, request):
        asked = json.loads(request.payload)
        if not {"productKey", "deviceName", "clientId", "sign"} <= asked.keys():
            return Message(code=Code.BAD_REQUEST)
        answer = json.dumps({"token": self.cloud.new_token()})
        return Message(code=Code.CONTENT, payload=answer.encode(), content_format=50)


class Topic(Resource, PathCapable):
    def __init__(self, cloud):
        super().__init__()
        self.cloud = cloud

    async def render_post(self, request):
        path = request.opt.uri_path
        match path[-1]:
            case "update":
                return self.report(request)
            case "separate":
                await asyncio.sleep(SLOW)
                return self.report(request)
            case "separate-non":
                await asyncio.sleep(SLOW)
                report = self.report(request)
                report.transport_tuning = aiocoap.Unreliable
                return report
            case size if size.isdecimal():
                return Message(code=Code.CONTENT, payload=b"0123456789" * (int(size) // 10))
            case "second-sign-in" if self.cloud.sign_ins < 2:
                return Message(code=Code.UNAUTHORIZED)
            case "second-sign-in":
                return self.report(request)
            case "forbidden":
                return Message(code=Code.FORBIDDEN)
            case "busy":
                return Message(code=Code.TOO_MANY_REQUESTS)
            case "ping":
                await self.cloud.ping(request.remote)
                return Message(code=Code.CONTENT, payload=b"reset")
            case "request":
                get = Message(code=Code.GET, uri_path=["sensors", "1"])
                get.remote = request.remote
                answer = await self.cloud.context.request(get).response
                return Message(code=Code.CONTENT, payload=answer.code.dotted.encode())
        return Message(code=Code.NOT_FOUND)

    @staticmethod
    def report(request):
        """What arrived, as aiocoap understood it."""
        tokens = [o.value for o in request.opt.option_list() if o.number == ACCESS_TOKEN]
        report = {
            "type": request.mtype.name,
            "path": request.opt.uri_path,
            "content_format": request.opt.content_format,
            "accept": request.opt.accept,
            "access_tokens": [token.decode() for token in tokens],
            "payload": request.payload.decode(),
        }
        return Message(code=Code.CONTENT, payload=json.dumps(report).encode())


async def serve(port, token_length):
    cloud = Cloud(token_length)
    site = Site()
    site.add_resource(["auth"], Auth(cloud))
    site.add_resource(["topic"], Topic(cloud))
    cloud.context = await aiocoap.Context.create_server_context(
        site, bind=("127.0.0.1", port), transports=["udp6"]
    )
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await cloud.context.shutdown()


logging.basicConfig(level=logging.DEBUG)
asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
