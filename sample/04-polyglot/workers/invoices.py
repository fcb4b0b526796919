"""A worker in Python, standard library only: makes invoices of orders.

    npx nestjs-roadrunner serve -o "server.command=python3 workers/invoices.py"

The kernel sends frames to standard input and reads the answers from standard output; what is for people goes to standard error.
A goridge frame, all numbers little-endian:

    0        version 1 << 4 | words of the header (3, and one for each option)
    1        flags: 0x01 control, 0x40 error
    2 - 5    bytes of the payload
    6 - 9    CRC-32 of bytes 0 - 5
    10 - 11  0
    12 - ..  one option: bytes of the context, which stands before the body
"""

import json
import os
import struct
import sys
import time
import zlib

CONTROL = 0x01
HEADER_BYTES = 12
WORK_SECONDS = 0.3

relay_in, relay_out = sys.stdin.buffer, sys.stdout.buffer


def read_frame():
    """Flags, context and body of the next frame; None when the kernel is gone."""
    header = relay_in.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    words, flags, length = header[0] & 0x0F, header[1], struct.unpack_from("<I", header, 2)[0]
    if zlib.crc32(header[:6]) != struct.unpack_from("<I", header, 6)[0]:
        raise ConnectionError("The checksum of a frame is wrong.")
    options = struct.unpack(f"<{words - 3}I", relay_in.read(4 * (words - 3)))
    payload = relay_in.read(length)
    split = options[0] if options else 0
    return flags, payload[:split], payload[split:]


def write_frame(flags, payload, options=()):
    start = struct.pack("<BBI", 1 << 4 | (3 + len(options)), flags, len(payload))
    relay_out.write(start + struct.pack("<IH", zlib.crc32(start), 0) + struct.pack(f"<{len(options)}I", *options) + payload)
    relay_out.flush()


def answer(kind, data):
    """0 is success, 1 an error."""
    write_frame(0, json.dumps({"type": kind, "data": data}).encode(), (0,))


def make_invoice(job, order):
    time.sleep(WORK_SECONDS)
    shop = job["headers"].get("shop", ["unknown"])[0]
    print(f"Invoice for order {order['order']} of the {shop} shop: {order['total']:.2f} EUR", file=sys.stderr, flush=True)


def main():
    while (frame := read_frame()) is not None:
        flags, context, body = frame
        if flags & CONTROL:
            control = json.loads(body)
            if control.get("stop"):
                return
            write_frame(CONTROL, json.dumps({"pid": os.getpid()}).encode())
            continue
        try:
            make_invoice(json.loads(context), json.loads(body))
        except Exception as error:  # whatever it is, the kernel waits for an answer
            answer(1, {"message": str(error), "requeue": False, "delay_seconds": 0})
        else:
            answer(0, [])


main()
