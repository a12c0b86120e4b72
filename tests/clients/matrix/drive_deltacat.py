import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "deltacat"))
from server import bridge  # noqa: E402

from deltacat_client import Client  # noqa: E402

from cells import rows_of_table  # noqa: E402
from tables import TABLES  # noqa: E402

bridge()
client = Client("http://" + json.loads(os.environ["MATRIX_ENDPOINTS"])["deltacat"])


def name_of(path):
    *leading, table = path.split("/")
    return {"namespace": ".".join(leading), "table": table}


def make(name):
    _, path, key, rows = TABLES[name]
    data = rows()
    if key:
        client.catalog.create_table(**name_of(path), schema_def=[
            {"name": f.name, "type": str(f.type), "nullable": f.nullable, "is_merge_key": f.name in key}
            for f in data.schema])
    half = data.num_rows // 2
    for part in (data.slice(0, half), data.slice(half)):
        client.catalog.write(part, **name_of(path), mode="auto", format="parquet")


def read(path, count):
    return rows_of_table(client.catalog.read(**name_of(path), read_as="pyarrow"))
