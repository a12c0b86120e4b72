"""A Beneath table from a schema: write to it, look keys up, follow it with a consumer that remembers, ask it questions.

    firth serve --data DIR --config firth.toml --beneath-http localhost:4000 --beneath-grpc localhost:50051
    BENEATH_ENV=dev BENEATH_SECRET=… python examples/beneath_sensors.py

The configuration needs one [[user]] with that secret.
"""

import asyncio
import datetime
import random

import beneath
import pandas

SCHEMA = """
  " What a sensor measured "
  type Measurement @schema @key(fields: ["sensor", "at"]) {
    sensor: String!
    at: Timestamp!
    celsius: Float!
  }
"""


async def main():
    client = beneath.Client()
    await client.start()
    me = await client.admin.organizations.find_me()
    if "sensors" not in [project["name"] for project in me["projects"]]:
        await client.admin.projects.create(
            organization_id=me["organizationID"], project_name="sensors", display_name="Sensors", public=False,
            description=None, site_url=None, photo_url=None)
    path = f"{me['name']}/sensors/measurements"
    table = await client.create_table(path, schema=SCHEMA, update_if_exists=True)

    now = datetime.datetime.now(datetime.timezone.utc)
    await client.write(table.primary_instance, [
        {"sensor": sensor, "at": now + datetime.timedelta(seconds=i), "celsius": random.gauss(20, 2)}
        for sensor in ("attic", "cellar") for i in range(100)])
    await client.force_flush()

    cursor = await table.primary_instance.query_index(filter='{"sensor": {"_prefix": "at"}}')
    found = await cursor.read_all()
    print(f"{len(found)} measurements of sensors that begin with `at`; the first: {found[0]}")

    # Started again, this goes on where it stopped.
    consumer = await client.consumer(path, subscription_path=f"{me['name']}/sensors/average")
    seen = []

    async def take(record):
        seen.append(record["celsius"])

    await consumer.subscribe(take, stop_when_idle=True)
    print(f"{len(seen)} new measurements, {sum(seen) / max(1, len(seen)):.1f} °C on average")

    # A whole data set as a new version of its table, which replaces the one before.
    places = pandas.DataFrame({"sensor": ["attic", "cellar"], "floor": [3, -1]}).set_index("sensor")
    await client.write_full(f"{me['name']}/sensors/places", places)
    await client.stop()

    # SQL over every measurement that was ever written.
    job = await client.query_warehouse(f"""
        SELECT floor, COUNT(*) AS measurements, AVG(celsius) AS celsius
        FROM `{path}` JOIN `{me['name']}/sensors/places` USING (sensor)
        GROUP BY floor ORDER BY floor""")
    print(f"read {job.bytes_scanned} bytes")
    for row in await (await job.get_cursor()).read_all():
        print(f"floor {row['floor']}: {row['measurements']} measurements, {row['celsius']:.1f} °C")


asyncio.run(main())
