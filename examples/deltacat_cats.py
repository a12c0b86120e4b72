"""A DeltaCAT catalog: write, read, look back, and change several tables at once.

    make run
    .deps/venv/deltacat/bin/python examples/deltacat_cats.py [http://localhost:8080]

The client and the server share a file system: the client writes the files itself.
"""

import functools
import sys
import time

import deltacat_client.client as client_module
import pyarrow as pa
from deltacat_client import Client


def bridge():
    """Client 0.1.1 asks for a release of deltacat-io-core that was never published, and the oldest one that was hands it
    keywords that it does not know; they are null for tables without partitions."""
    for name in ("entry", "entry_for"):
        original = getattr(client_module.WriteSession, name)

        @functools.wraps(original)
        def wrapped(self, *args, _original=original, **words):
            for word in ("partition_values", "partition_scheme_id", "entry_params"):
                words.pop(word, None)
            return _original(self, *args, **words)

        setattr(client_module.WriteSession, name, wrapped)


def main():
    bridge()
    catalog = Client(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080").catalog
    client = catalog._root
    cats = pa.table({"id": [1, 2, 3], "name": ["Cheshire", "Dinah", "Felix"], "age": [3, 7, 5]})
    catalog.write(cats, namespace="examples", table="cool_cats", mode="auto", format="parquet")
    print(catalog.read(namespace="examples", table="cool_cats", read_as="pandas"))

    # Rows with merge keys: the last one of a key stays, and earlier states can be read.
    if not catalog.table_exists(namespace="examples", table="owners"):
        catalog.create_table(namespace="examples", table="owners", schema_def=[
            {"name": "cat", "type": "int64", "is_merge_key": True}, {"name": "owner", "type": "string"}])
    catalog.write(pa.table({"cat": [1, 2], "owner": ["Duchess", "Alice"]}), namespace="examples", table="owners",
                  mode="merge", format="parquet")
    then = time.time_ns()
    catalog.write(pa.table({"cat": [1], "owner": ["nobody"]}), namespace="examples", table="owners", mode="merge",
                  format="csv")
    now = catalog.read(namespace="examples", table="owners", read_as="pandas", filter_predicate={"eq": ["cat", 1]})
    before = catalog.read(namespace="examples", table="owners", read_as="pandas", as_of=then)
    print(f"owners now {now.to_dict('records')}, before {before.to_dict('records')}")

    # All of it, or nothing.
    with client.transaction(commit_message="a cat moves"):
        catalog.write(pa.table({"id": [4], "name": ["Tom"], "age": [9]}), namespace="examples", table="cool_cats",
                      mode="add", format="parquet")
        catalog.write(pa.table({"cat": [4], "owner": ["Jerry"]}), namespace="examples", table="owners", mode="merge",
                      format="parquet")
    print(f"{catalog.read(namespace='examples', table='cool_cats').num_rows} cats")


main()
