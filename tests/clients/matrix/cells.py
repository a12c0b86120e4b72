"""Values as JSON that loses nothing, so that what a client returned can be compared in another process."""

import datetime
import decimal
import math
import uuid

EPOCH = datetime.datetime(1970, 1, 1)
EPOCH_UTC = EPOCH.replace(tzinfo=datetime.timezone.utc)


def cell(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if hasattr(value, "value") and type(value).__name__ == "Timestamp":  # of pandas: exact to the nanosecond
        return {"ns": value.as_unit("ns").value}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return {"real": "nan" if math.isnan(value) else value.hex()}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, decimal.Decimal):
        return {"decimal": format(value, "f")}
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime.datetime):
        since = value - (EPOCH_UTC if value.tzinfo else EPOCH)
        return {"ns": (since // datetime.timedelta(microseconds=1)) * 1000}
    if isinstance(value, datetime.date):
        return {"day": value.isoformat()}
    if isinstance(value, datetime.time):
        return {"time": value.isoformat("microseconds")}
    if isinstance(value, dict):
        return {"row": {k: cell(v) for k, v in value.items()}}
    if isinstance(value, tuple):
        return [cell(v) for v in value]
    if isinstance(value, list):
        return [cell(v) for v in value]
    if hasattr(value, "item"):  # of numpy
        return cell(value.item())
    raise TypeError(f"no cell for {type(value)}")


def value_of(cell_):
    """The value that a cell stands for; times are in UTC."""
    if isinstance(cell_, list):
        return [value_of(c) for c in cell_]
    if not isinstance(cell_, dict):
        return cell_
    (kind, inner), = cell_.items()
    if kind == "ns":
        return EPOCH_UTC + datetime.timedelta(microseconds=inner // 1000)
    if kind == "real":
        return math.nan if inner == "nan" else float.fromhex(inner)
    if kind == "bytes":
        return bytes.fromhex(inner)
    if kind == "row":
        return {k: value_of(c) for k, c in inner.items()}
    raise TypeError(f"no value for {kind}")


def column(array):
    """The cells of an Arrow column; times by their count, which Python's own types would cut off."""
    import pyarrow as pa

    if pa.types.is_timestamp(array.type):
        factor = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}[array.type.unit]
        return [None if n is None else {"ns": n * factor} for n in array.cast(pa.int64()).to_pylist()]
    return [cell(v) for v in array.to_pylist()]


def rows_of_table(table):
    columns = [column(table.column(i)) for i in range(table.num_columns)]
    return [dict(zip(table.column_names, row)) for row in zip(*columns)]


def rows_of_dicts(rows):
    return [{k: cell(v) for k, v in row.items()} for row in rows]
