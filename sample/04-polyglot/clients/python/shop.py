"""A shop in Python, standard library only: pushes orders, lists the pipelines, reads their statistics.

    python3 shop.py [host:port]

A goridge frame, all numbers little-endian:

    0        version 1 << 4 | words of the header (3, and one for each option)
    1        flags: 0x08 JSON, 0x40 error
    2 - 5    bytes of the payload
    6 - 9    CRC-32 of bytes 0 - 5
    10 - 11  0
    12 - 19  two options: the number of the call, bytes of the method name
    ...      the method name, then the body
"""

import base64
import json
import socket
import struct
import sys
import uuid
import zlib

JSON, ERROR = 0x08, 0x40
HEADER_BYTES = 12


class ServiceError(Exception):
    """The kernel answered with an error."""


class Rpc:
    """Calls the methods of a kernel, one after another."""

    def __init__(self, host, port):
        self._socket = socket.create_connection((host, port), timeout=10)
        self._calls = 0

    def call(self, method, body):
        self._calls += 1
        name = method.encode()
        payload = name + json.dumps(body).encode()
        start = struct.pack("<BBI", 1 << 4 | 5, JSON, len(payload))
        options = struct.pack("<II", self._calls, len(name))
        self._socket.sendall(start + struct.pack("<IH", zlib.crc32(start), 0) + options + payload)
        return self._answer(method)

    def close(self):
        self._socket.close()

    def _answer(self, method):
        header = self._read(HEADER_BYTES)
        words, flags, length = header[0] & 0x0F, header[1], struct.unpack_from("<I", header, 2)[0]
        if zlib.crc32(header[:6]) != struct.unpack_from("<I", header, 6)[0]:
            raise ConnectionError("The checksum of the answer is wrong.")
        call, name_length = struct.unpack_from("<II", self._read(4 * (words - 3)))
        body = self._read(length)[name_length:]
        if call != self._calls:
            raise ConnectionError(f"{method} was call {self._calls}, the answer is for call {call}.")
        if flags & ERROR:
            raise ServiceError(body.decode())
        return json.loads(body)

    def _read(self, count):
        data = b""
        while len(data) < count:
            chunk = self._socket.recv(count - len(data))
            if not chunk:
                raise ConnectionError("The kernel closed the connection.")
            data += chunk
        return data


def push(rpc, queue, order, total, delay=0):
    job = {
        "job": "invoice.make",
        "id": str(uuid.uuid4()),
        "payload": base64.b64encode(json.dumps({"order": order, "total": total}).encode()).decode(),
        "headers": {"shop": {"value": ["Python"]}},
        "options": {"pipeline": queue, "delay": delay},
    }
    rpc.call("jobs.Push", {"job": job})
    print(f"Pushed order {order}" + (f", to run in {delay} s" if delay else ""))


def main():
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:6001").rpartition(":")
    rpc = Rpc(host, int(port))
    print("Pipelines:", ", ".join(rpc.call("jobs.List", {})["pipelines"]))
    push(rpc, "invoices", "py-1", 12.5)
    push(rpc, "invoices", "py-2", 99)
    push(rpc, "invoices", "py-3", 7.25, delay=2)
    for stat in rpc.call("jobs.Stat", {})["stats"]:
        # A field that is 0 or false is left out, as everywhere in protobuf.
        print(f"{stat['pipeline']} ({stat['driver']}): {stat.get('active', 0)} active, {stat.get('delayed', 0)} delayed")
    try:
        push(rpc, "letters", "py-4", 1)
    except ServiceError as error:
        print("Refused:", " ".join(str(error).split()))  # an error tells where it was met, a line each
    rpc.close()


main()
