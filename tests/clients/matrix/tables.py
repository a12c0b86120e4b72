"""The tables of the matrix: what each client makes, of the types that it has, as Arrow tables.

Both sides import this: a driver, in its client's environment, to write the rows; the test, to know what they were.
Every table has a column `id`, unique, by which rows are compared; values are extreme, and null where that may be.
"""

import datetime
import decimal
import math

import pyarrow as pa

ROWS = 3_000
UTC = datetime.timezone.utc
BASE_NS = 1_700_000_000_000_000_000


def cycle(extremes, make, nulls=7):
    """`ROWS` values: the extremes first, then made ones; every `nulls`-th is null."""
    values = [extremes[i] if i < len(extremes) else make(i) for i in range(ROWS)]
    return [None if nulls and i % nulls == nulls - 1 else v for i, v in enumerate(values)]


def integers(bits, signed=True, nulls=7):
    low, high = (-2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    span = min(high - low, 1 << 30)
    return cycle([low, high, 0, 1], lambda i: low + (i * 7919) % span, nulls)


def stamps(per_second, before=-1, nulls=7):
    """Counts of a unit since 1970, before it and after it."""
    base = BASE_NS // 1_000_000_000 * per_second
    return cycle([0, before, base, -base], lambda i: base + i * 977, nulls)


REALS = [0.0, -0.0, 1.5, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 0.1]
REALS_32 = [0.0, -0.0, 1.5, 2.0**-149, (2 - 2.0**-23) * 2.0**127, math.inf, -math.inf, math.nan, 0.25]
FINITE = [v for v in REALS if math.isfinite(v)]
FINITE_32 = [v for v in REALS_32 if math.isfinite(v)]
TEXTS = ["", "größe \U0001f600", "a,\"b\"\n\tc\\", " ", "null"]
BLOBS = [b"", b"\x00\xff", bytes(range(256))]
DAYS = [datetime.date(1970, 1, 1), datetime.date(1969, 12, 31), datetime.date(2024, 2, 29)]


def table(**columns):
    """Columns are (type, values), or (type, values, False) where null is not allowed."""
    fields = [pa.field(name, column[0], len(column) < 3 or column[2]) for name, column in columns.items()]
    arrays = [pa.array(column[1], column[0]) for column in columns.values()]
    return pa.table(arrays, schema=pa.schema(fields))


IDS = list(range(ROWS))
KEYS = [i * 3 - ROWS for i in range(ROWS)]


MS = -1000  # its client refuses parts of a millisecond before 1970 by itself


def fluss_columns():
    return dict(
        yes=(pa.bool_(), cycle([True, False], lambda i: i % 3 == 0)),
        i8=(pa.int8(), integers(8)), i16=(pa.int16(), integers(16)), i32=(pa.int32(), integers(32)),
        i64=(pa.int64(), integers(64)),
        f32=(pa.float32(), cycle(REALS_32, lambda i: i / 8)), f64=(pa.float64(), cycle(REALS, lambda i: i / 7)),
        text=(pa.string(), cycle(TEXTS, lambda i: f"text {i}")), blob=(pa.binary(), cycle(BLOBS, lambda i: b"%d" % i)),
        day=(pa.date32(), cycle(DAYS, lambda i: datetime.date(2000, 1, 1) + datetime.timedelta(days=i))),
        price=(pa.decimal128(10, 2), cycle([decimal.Decimal("99999999.99"), decimal.Decimal("-0.01")],
                                           lambda i: decimal.Decimal(i) / 4)),
        whole=(pa.decimal128(38, 0), cycle([decimal.Decimal(10**38 - 1), decimal.Decimal(-(10**38) + 1)], decimal.Decimal)),
        clock=(pa.time32("ms"), cycle([0, 86_399_999], lambda i: i * 28_801)),
        at_s=(pa.timestamp("s"), stamps(1)), at_ms=(pa.timestamp("ms"), stamps(1000)),
        at_us=(pa.timestamp("us"), stamps(10**6, MS)), zoned=(pa.timestamp("us", "UTC"), stamps(10**6, MS)),
    )


def nested_columns():
    return dict(
        tags=(pa.list_(pa.string()), cycle([[], ["a", None, ""]], lambda i: [f"t{i}"] * (i % 3))),
        attrs=(pa.map_(pa.string(), pa.int64()), cycle([[], [("k", 2**63 - 1), ("l", None)]], lambda i: [("n", i)])),
        point=(pa.struct([("x", pa.int32()), ("y", pa.string())]),
               cycle([{"x": -2**31, "y": None}, {"x": None, "y": "ä"}], lambda i: {"x": i, "y": str(i)})),
    )


def fluss_log():
    return table(id=(pa.int64(), IDS), **fluss_columns(), **nested_columns())


def fluss_keyed():
    return table(id=(pa.int64(), KEYS, False), **fluss_columns(), **nested_columns())


def beneath_keyed():
    """In the Arrow types that the schema language's types are kept in; uuid, numeric and enum are text."""
    numbers = cycle([str(10**60), str(-(10**60)), "0"], str)
    return table(
        id=(pa.int64(), KEYS, False),
        s=(pa.string(), cycle(TEXTS, lambda i: f"text {i}")), b=(pa.binary(), cycle(BLOBS, lambda i: b"%d" % i)),
        f=(pa.binary(4), cycle([b"abcd", b"\0\0\0\0"], lambda i: b"%04d" % i)),
        t=(pa.bool_(), cycle([True, False], lambda i: i % 3 == 0)),
        i=(pa.int64(), integers(64)), k=(pa.int32(), integers(32)),
        x=(pa.float64(), cycle(REALS, lambda i: i / 7)), z=(pa.float32(), cycle(REALS_32, lambda i: i / 8)),
        n=(pa.string(), numbers),
        at=(pa.timestamp("ms", "UTC"), stamps(1000)),
        u=(pa.string(), cycle(["00000000-0000-0000-0000-000000000000"], lambda i: f"00000000-0000-4000-8000-{i:012x}")),
        c=(pa.string(), cycle(["RED"], lambda i: ("RED", "GREEN")[i % 2])),
        r=(pa.struct([pa.field("x", pa.int32(), False), pa.field("y", pa.list_(pa.field("item", pa.float32(), False)))]),
           cycle([{"x": 2**31 - 1, "y": None}], lambda i: {"x": i, "y": [0.5] * (i % 3)})),
        names=(pa.list_(pa.field("item", pa.string(), False)), cycle([[], ["a", ""]], lambda i: [str(i)])),
    )


def deltacat_columns():
    """Its client cannot send the statistics of infinities, of bytes and of decimals, and so no such columns."""
    return dict(
        yes=(pa.bool_(), cycle([True, False], lambda i: i % 3 == 0)),
        i8=(pa.int8(), integers(8)), i16=(pa.int16(), integers(16)), i32=(pa.int32(), integers(32)),
        i64=(pa.int64(), integers(64)),
        u8=(pa.uint8(), integers(8, False)), u16=(pa.uint16(), integers(16, False)), u32=(pa.uint32(), integers(32, False)),
        u64=(pa.uint64(), integers(64, False)),
        f32=(pa.float32(), cycle(FINITE_32, lambda i: i / 8)), f64=(pa.float64(), cycle(FINITE, lambda i: i / 7)),
        text=(pa.string(), cycle(TEXTS, lambda i: f"text {i}")),
        day=(pa.date32(), cycle(DAYS, lambda i: datetime.date(2000, 1, 1) + datetime.timedelta(days=i))),
        at_ms=(pa.timestamp("ms"), stamps(1000)), at_us=(pa.timestamp("us"), stamps(10**6)),
        zoned=(pa.timestamp("us", "UTC"), stamps(10**6)),
        tags=(pa.list_(pa.string()), cycle([[], ["a", None, ""]], lambda i: [f"t{i}"] * (i % 3))),
        point=(pa.struct([("x", pa.int32()), ("y", pa.string())]),
               cycle([{"x": -2**31, "y": None}, {"x": None, "y": "ä"}], lambda i: {"x": i, "y": str(i)})),
    )


def deltacat_log():
    return table(id=(pa.int64(), IDS), **deltacat_columns())


def deltacat_keyed():
    return table(id=(pa.int64(), KEYS, False), **deltacat_columns())


BATCH = 12  # of the rows of the sorted table come in a batch of its client's own, which has neither nulls nor maps


def later(values, otherwise):
    """Nulls only behind the batch."""
    return [otherwise if v is None and i < BATCH else v for i, v in enumerate(values)]


def sleeper_sorted():
    pairs = cycle([], lambda i: [("n", i), ("o", -i)] if i % 5 else [("k", -2**63)] if i % 10 else [])
    return table(
        id=(pa.int64(), IDS, False), small=(pa.int32(), integers(32, nulls=0), False),
        i=(pa.int32(), later(integers(32), 0)), l=(pa.int64(), later(integers(64), 0)),
        s=(pa.string(), later(cycle(TEXTS, lambda i: f"text {i}"), "")),
        b=(pa.binary(), later(cycle(BLOBS, lambda i: b"%d" % i), b"")),
        ls=(pa.list_(pa.field("element", pa.int64(), False)),
            later(cycle([[2**63 - 1, -2**63], []], lambda i: [i] * (i % 3)), [])),
        m=(pa.map_(pa.string(), pa.field("value", pa.int64(), False)), [None] * BATCH + pairs[BATCH:]),
    )


STREAMS = [("00000000-0000-4000-8000-00000000000%d" % n, name, unit) for n, name, unit in
           [(1, "C1MAG", "amps"), (2, "L1 ang/ä", "deg"), (3, "empty", "volts")]]


def btrdb_series():
    """(stream, time, value); the points of the streams one after the other. None of them is null: that is no point."""
    half = ROWS // 2
    return table(
        id=(pa.int64(), IDS),  # not stored: streams and times are unique
        uuid=(pa.string(), [STREAMS[i // half][0] for i in IDS], False),
        name=(pa.string(), [STREAMS[i // half][1] for i in IDS]),
        unit=(pa.string(), [STREAMS[i // half][2] for i in IDS]),
        ingress=(pa.string(), [""] * ROWS), distiller=(pa.string(), [""] * ROWS),
        time=(pa.timestamp("ns", "UTC"), [(-(16 << 56), 0, -1)[i] if i < 3 else BASE_NS + i * 33_333_333 for i in IDS], False),
        value=(pa.float64(), [FINITE[i % half] if i % half < len(FINITE) else i / 7 for i in IDS], False),
    )


# name -> (the client that makes it, its path, its key, its rows)
TABLES = {
    "fluss_log": ("fluss", "farm/fluss_log", [], fluss_log),
    "fluss_keyed": ("fluss", "farm/fluss_keyed", ["id"], fluss_keyed),
    "beneath_keyed": ("beneath", "ada/farm/beneath_keyed", ["id"], beneath_keyed),
    "deltacat_log": ("deltacat", "farm/deltacat_log", [], deltacat_log),
    "deltacat_keyed": ("deltacat", "farm/deltacat_keyed", ["id"], deltacat_keyed),
    "sleeper_sorted": ("sleeper", "farm/sleeper_sorted", [], sleeper_sorted),
    "btrdb_series": ("btrdb", "farm/btrdb_series", [], btrdb_series),
}
