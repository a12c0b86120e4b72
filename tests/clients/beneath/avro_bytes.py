"""Bytes of Avro records, for the tests beside this file that send what the client would not."""


def long(value):
    """A whole number: its sign in the last bit, seven bits a byte, the lowest first."""
    value = (value << 1) ^ (value >> 63)
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
