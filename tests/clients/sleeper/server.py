"""A server process, and what a user sets to reach its AWS door."""

import json
import os
import signal
import subprocess

import botocore.session
import s3fs
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

BINARY = os.environ.get("FIRTH_BINARY", "firth")
INSTANCE = "farm"
REGION = "eu-west-2"
KEY, SECRET = "ada", "correct-horse-battery"
CONFIGURATION = f"""
[sleeper]
instances = ["{INSTANCE}"]
[[user]]
name = "{KEY}"
secret = "{SECRET}"
role = "admin"
[[user]]
name = "eve"
secret = "only-looking-around"
role = "reader"
"""


class Server:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.configuration = folder.with_suffix(".toml")
        self.configuration.write_text(CONFIGURATION)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", str(self.folder), "--config", str(self.configuration), "--aws", "127.0.0.1:0"],
            env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.address = json.loads((self.folder / "endpoints.json").read_text())["aws"]
        self.url = f"http://{self.address}"
        # All that a user of any of these clients sets.
        os.environ.update(AWS_ENDPOINT_URL=self.url, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET,
                          AWS_DEFAULT_REGION=REGION, AWS_EC2_METADATA_DISABLED="true")
        s3fs.S3FileSystem.clear_instance_cache()

    def end(self, how):
        self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status

    def restart(self, how=signal.SIGKILL):
        self.end(how)
        self.start()

    def rest(self, method, path, body=None, key=KEY, secret=SECRET, service="execute-api"):
        """A signed call of the REST interface: the status and the JSON of its answer."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method=method, url=self.url + path, data=data, headers={"Content-Type": "application/json"})
        credentials = botocore.session.Session()
        credentials.set_credentials(key, secret)
        SigV4Auth(credentials.get_credentials(), service, REGION).add_auth(request)
        answer = urllib3.request(method, self.url + path, body=data, headers=dict(request.headers.items()), retries=False)
        return answer.status, json.loads(answer.data) if answer.data else None

    def add_table(self, name, row_keys, sort_keys=(), values=(), **more):
        """Fields are (name, type) or (name, type, nullable)."""
        def fields(list_):
            return [{"name": f[0], "type": f[1], "nullable": len(f) > 2 and f[2]} for f in list_]
        schema = {"rowKeyFields": fields(row_keys), "sortKeyFields": fields(sort_keys), "valueFields": fields(values)}
        status, answer = self.rest(
            "POST", "/sleeper/tables", {"properties": {"sleeper.table.name": name}, "schema": schema, **more})
        assert status == 201, answer
        return answer["tableId"]
