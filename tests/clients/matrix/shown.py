"""How each reader shows a column of some Arrow type: the tables of docs/matrix.md as code.

Where a reader has a type for it, the cell that it returns is compared as it is; where it shows text, the text is read
back and must give the very value.
"""

import datetime
import decimal
import json
import re
import struct

import pyarrow as pa

from cells import cell, column

EPOCH = datetime.datetime(1970, 1, 1)


def ns_of_text(text):
    """Nanoseconds since 1970 of `2024-02-29 13:14:15.123456789Z` and its shorter forms."""
    day, clock, fraction = re.fullmatch(r"(-?\d+-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:?00)?", text).groups()
    seconds = (datetime.datetime.fromisoformat(f"{day} {clock}") - EPOCH) // datetime.timedelta(seconds=1)
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0"))


def to_float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def from_text(type_, text):
    """The cell that text of a value of this type stands for."""
    if pa.types.is_boolean(type_):
        return {"true": True, "false": False}[text]
    if pa.types.is_integer(type_):
        return int(text)
    if pa.types.is_float32(type_):
        return cell(to_float32(float(text)))
    if pa.types.is_floating(type_):
        return cell(float(text))
    if pa.types.is_decimal(type_):
        return cell(decimal.Decimal(text))
    if pa.types.is_date(type_):
        return cell(datetime.date.fromisoformat(text))
    if pa.types.is_time(type_):
        return cell(datetime.time.fromisoformat(text))
    if pa.types.is_timestamp(type_):
        return {"ns": ns_of_text(text)}
    if pa.types.is_map(type_):
        return [[key, value] for key, value in json.loads(text).items()]
    if pa.types.is_struct(type_) or pa.types.is_list(type_):
        return cell(json.loads(text))
    return text


UNIT_NS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}


def as_decimal(type_, value):
    return {"decimal": str(value)} if isinstance(value, int) else value


def as_count(type_, value):
    return value["ns"] // UNIT_NS[type_.unit]


def is_coarse(type_):
    return pa.types.is_timestamp(type_) and type_.unit in ("s", "ms")


def is_plain_for_sleeper(type_):
    if pa.types.is_list(type_):
        return is_plain_for_sleeper(type_.value_type) and not pa.types.is_nested(type_.value_type)
    if pa.types.is_map(type_):
        return is_plain_for_sleeper(type_.key_type) and is_plain_for_sleeper(type_.item_type)
    return (pa.types.is_integer(type_) and type_ != pa.uint64()) or pa.types.is_string(type_) \
        or pa.types.is_binary(type_) or pa.types.is_fixed_size_binary(type_)


# reader -> [(which types, how a value's cell looks there; None: as text)]. What no line takes is shown as it is.
SHOWN = {
    "fluss": [(lambda t: t == pa.uint64(), as_decimal)],
    "deltacat": [],
    "btrdb": [],
    "beneath": [
        (lambda t: t == pa.uint64(), as_decimal),
        (lambda t: pa.types.is_decimal(t) and t.scale == 0, as_decimal),
        (pa.types.is_decimal, None), (pa.types.is_date, None), (pa.types.is_time, None),
        (lambda t: pa.types.is_timestamp(t) and not is_coarse(t), None),
        (pa.types.is_map, None),
    ],
    "sleeper": [
        (pa.types.is_timestamp, as_count),
        (lambda t: not is_plain_for_sleeper(t), None),
    ],
}


def same(reader, type_, wanted, got):
    """Is `got` what this reader is to show of the cell `wanted`, of a column of this type?"""
    if wanted is None or got is None:
        return wanted is None and got is None
    for takes, look in SHOWN[reader]:
        if takes(type_):
            if look is None:
                return isinstance(got, str) and from_text(type_, got) == wanted
            return got == look(type_, wanted)
    return got == wanted


def numbers_of(table):
    """What a reader of series sees: for each numeric column the finite values, in order of size."""
    import math

    found = {}
    for name, type_ in zip(table.column_names, table.schema.types):
        if pa.types.is_integer(type_) or pa.types.is_floating(type_):
            values = [float(v) for v in table.column(name).to_pylist() if v is not None]
            found[name] = sorted(v for v in values if math.isfinite(v))
    return found


def cells_of(table):
    return {name: column(table.column(name)) for name in table.column_names}
