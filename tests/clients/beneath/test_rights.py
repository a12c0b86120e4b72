"""Who may do what: every operation of both planes, tried by every kind of caller, on a private project and on a public one.

The operations are read from the door's own type system and from the client's interface: one without a row here fails.
Those who may not are tried first, and afterwards nothing may have changed; then each who may, on things of its own.
"""

import asyncio
import itertools
import json
import pathlib
import re

import aiohttp
import beneath
import pytest
from beneath import config
from beneath.connection import Connection, GraphQLError
from beneath.proto import gateway_pb2
from grpc.aio import AioRpcError

from conftest import point_at
from server import Server

# Users by what they are in the organization and the project that is tried.
USERS = {
    "admin": "ada-has-all-rights", "writer": "writes-and-makes-things", "creator": "makes-but-cannot-see",
    "reader": "only-looks-at-things", "stranger": "of-another-organization", "master": "makes-organizations-only",
}
NAMES = {"admin": "ada", "writer": "will", "creator": "cleo", "reader": "rita", "stranger": "bob", "master": "root"}
# Services of the project: without a right on the table, with one, with both and no quota left.
SERVICES = {"service": (False, False), "taker": (True, False), "giver": (False, True), "spent": (True, True)}
CALLERS = ["none", *USERS, *SERVICES]
SCHEMA = "type T @schema { k: Int! @key }"

ALL = set(CALLERS)
PEOPLE = set(USERS)
# Who has it on a private project; on a public one, those who are no services may also view and read.
NEEDS = {
    "nothing": ALL,
    "a user": PEOPLE,
    "master": {"master"},
    "organization view": {"reader", "writer", "admin"},
    "organization create": {"writer", "admin"},
    "organization admin": {"admin"},
    "view": {"reader", "writer", "admin"},
    "create": {"creator", "writer", "admin"},
    "project admin": {"admin"},
    "member": {"reader", "writer", "admin"},
    "read": {"reader", "writer", "admin", "taker", "spent"},
    "write": {"creator", "writer", "admin", "giver", "spent"},
    "read or write": {"reader", "creator", "writer", "admin", "taker", "giver", "spent"},
    "service": {"reader", "writer", "admin", "taker"},
    "reader": {"reader"},
    "reader or its admin": {"reader", "admin"},
    "stranger": {"stranger"},
}
OPENED = {"view", "read", "read or write", "service"}

# operation -> (its arguments and selection, what it needs)
QUERIES = {
    "ping": ("", "nothing"),
    "me": ("{ name }", "a user"),
    "organizationByName": ('(name: "ORG") { name ... on PrivateOrganization { readUsage } }', "nothing"),
    "organizationMembers": ("(organizationID: $organization) { name }", "organization view"),
    "projectByOrganizationAndName": ('(organizationName: "ORG", projectName: "p") { name }', "view"),
    "projectsForUser": ("(userID: $reader) { name }", "reader"),
    "projectMembers": ("(projectID: $project) { name }", "view"),
    "tableByID": ("(tableID: $table) { name }", "read"),
    "tableByOrganizationProjectAndName":
        ('(organizationName: "ORG", projectName: "p", tableName: "t") { name }', "read or write"),
    "tableInstanceByOrganizationProjectTableAndVersion":
        ('(organizationName: "ORG", projectName: "p", tableName: "t", version: 0) { version }', "read"),
    "tableInstanceByTableAndVersion": ("(tableID: $table, version: 0) { version }", "read"),
    "tableInstancesForTable": ("(tableID: $table) { version }", "read"),
    "compileSchema": (f'(input: {{schemaKind: GraphQL, schema: "{SCHEMA}"}}) {{ canonicalIndexes }}', "nothing"),
    "serviceByOrganizationProjectAndName":
        ('(organizationName: "ORG", projectName: "p", serviceName: "taker") { name }', "service"),
    "secretsForService": ("(serviceID: $service) { prefix }", "member"),
    "getUserUsage": ('(userID: $reader, period: "M", from: "2021-01-01T00:00:00Z") { period }', "reader or its admin"),
    "authTicketByID": ("(authTicketID: $ticket) { requesterName }", "nothing"),
}
MUTATIONS = {
    "createOrganization": ('(name: "NEW") { name }', "master"),
    "updateOrganization": ('(organizationID: $organization, displayName: "x") { name }', "organization admin"),
    "updateOrganizationQuotas": ("(organizationID: $organization) { name }", "master"),
    "inviteUserToOrganization":
        ("(userID: $stranger, organizationID: $organization, view: true, create: true, admin: true)", "organization admin"),
    "acceptOrganizationInvite": ("(organizationID: $organization)", "stranger"),
    "updateUserQuotas": ("(userID: $reader, readQuota: 5) { userID }", "organization admin"),
    "leaveBillingOrganization": ("(userID: $reader) { userID }", "reader or its admin"),
    "transferProjectToOrganization": ("(projectID: $empty, organizationID: $home) { name }", "project admin"),
    "createProject": ('(input: {organizationID: $organization, projectName: "NEW"}) { name }', "organization create"),
    "updateProject": ('(input: {projectID: $project, site: "x"}) { name }', "project admin"),
    "deleteProject": ("(input: {projectID: $empty})", "project admin"),
    "createTable": ('(input: {organizationName: "ORG", projectName: "p", tableName: "NEW", schemaKind: GraphQL, '
                    f'schema: "{SCHEMA}"}}) {{ name }}', "create"),
    "deleteTable": ("(tableID: $table)", "create"),
    "createTableInstance": ("(input: {tableID: $table}) { version }", "write"),
    "updateTableInstance": ("(input: {tableInstanceID: $instance, makeFinal: true}) { version }", "write"),
    "deleteTableInstance": ("(instanceID: $instance)", "write"),
    "createService": ('(input: {organizationName: "ORG", projectName: "p", serviceName: "NEW"}) { name }', "create"),
    "updateService":
        ('(input: {organizationName: "ORG", projectName: "p", serviceName: "taker", description: "x"}) { name }', "create"),
    "updateServiceTablePermissions": ("(serviceID: $service, tableID: $table, read: true) { read }", "create"),
    "deleteService": ("(serviceID: $service)", "create"),
    "issueServiceSecret": ('(serviceID: $service, description: "x") { token }', "create"),
    "revokeServiceSecret": ("(secretID: $secret)", "create"),
    "updateUserProjectPermissions": ("(userID: $stranger, projectID: $project, admin: true) { admin }", "project admin"),
    "updateUserOrganizationPermissions":
        ("(userID: $stranger, organizationID: $organization, view: true) { view }", "organization admin"),
    "createAuthTicket": ('(input: {requesterName: "somebody"}) { requesterName }', "nothing"),
    "updateAuthTicket": ("(input: {authTicketID: $ticket, approve: true}) { authTicketID }", "a user"),
    "issueUserSecret": ('(description: "x", readOnly: false, publicOnly: false) { token }', "a user"),
    "revokeUserSecret": ("(secretID: $own)", "reader"),
}
# What is nobody's own is not found; a service is told that it is none.
REFUSALS = {
    "me": "(?i)not allowed|personal", "acceptOrganizationInvite": "(?i)not allowed| not found",
    "revokeUserSecret": "(?i)not allowed| not found",
}
# call -> what it needs
CALLS = {
    "Ping": "nothing", "Write": "write", "QueryLog": "read", "QueryIndex": "read", "Read": "read", "Subscribe": "read",
    "QueryWarehouse": "read", "PollWarehouseJob": "reader",
}
# What can be done once only.
ONCE = {"acceptOrganizationInvite", "leaveBillingOrganization", "transferProjectToOrganization", "deleteProject", "deleteTable",
        "deleteTableInstance", "deleteService", "revokeServiceSecret", "revokeUserSecret"}
counter = itertools.count(1)
WORLDS = {}


def test_every_operation_has_a_row():
    root = pathlib.Path(__file__).resolve().parents[3]
    text = (root / "src/firth/doors/beneath/control_types.cc").read_text()
    for type_, rows in (("Query", QUERIES), ("Mutation", MUTATIONS)):
        body = re.search(rf"\ntype {type_} {{(.*?)\n}}", text, re.DOTALL).group(1)
        assert set(re.findall(r"(\w+)", re.sub(r"\([^)]*\)|:\s*[\[\w!\]]+", "", body))) == set(rows)
    assert {method.name for method in gateway_pb2.DESCRIPTOR.services_by_name["Gateway"].methods} == set(CALLS)


def who_may(need, public):
    return NEEDS[need] | ({"none"} | PEOPLE if public and need in OPENED else set())


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("rights") / "data", secrets={NAMES[u]: s for u, s in USERS.items()})
    yield running
    running.stop()


@pytest.fixture
def place(served):
    point_at(served)


async def ask(secret, document, ids=None):
    used = {name: value for name, value in (ids or {}).items() if f"${name}" in document}
    if used:
        kind, rest = document.split(" ", 1)
        document = f"{kind} Q({', '.join(f'${name}: UUID!' for name in used)}) {rest}"
    return await Connection(secret=secret).query_control(document, used, check_authenticated=False)


class World:
    """An organization with a project, and all there can be in it; every caller has in it what its name says."""

    async def make(self, public):
        self.name = f"org_{next(counter)}"
        self.secrets = {"none": None, **USERS}
        ids = self.ids = {}
        for user in USERS:
            me = (await ask(USERS[user], "query { me { organizationID personalUserID } }"))["me"]
            ids[user] = me["personalUserID"]
            if user == "admin":
                ids["home"] = me["organizationID"]
        made = await ask(USERS["master"], f'mutation {{ createOrganization(name: "{self.name}") {{ organizationID }} }}')
        ids["organization"] = made["createOrganization"]["organizationID"]
        rights = "view: %s, create: %s, admin: %s"
        right = {"admin": ("true",) * 3, "writer": ("true", "true", "false"), "reader": ("true", "false", "false"),
                 "creator": ("false", "true", "false")}
        # The reader is billed to the organization; the master goes again.
        for user, flags in (("admin", right["admin"]), ("writer", right["writer"]), ("reader", right["reader"])):
            await ask(USERS["master"], f"mutation {{ inviteUserToOrganization(userID: ${user}, "
                      f"organizationID: $organization, {rights % flags}) }}", ids)
            await ask(USERS[user], "mutation { acceptOrganizationInvite(organizationID: $organization) }", ids)
        await ask(USERS["admin"], "mutation { updateUserOrganizationPermissions(userID: $master, organizationID: "
                  "$organization, view: false, create: false, admin: false) { view } }", ids)
        for project, key in (("p", "project"), (f"empty_{self.name}", "empty")):
            made = await ask(USERS["admin"], "mutation { createProject(input: {organizationID: $organization, projectName: "
                             f'"{project}", public: {json.dumps(public)}}}) {{ projectID }} }}', ids)
            ids[key] = made["createProject"]["projectID"]
            for user in ("writer", "reader", "creator"):
                await ask(USERS["admin"], f"mutation {{ updateUserProjectPermissions(userID: ${user}, projectID: ${key}, "
                          f"{rights % right[user]}) {{ view }} }}", ids)
        made = await ask(USERS["admin"], f'mutation {{ createTable(input: {{organizationName: "{self.name}", projectName: '
                         f'"p", tableName: "t", schemaKind: GraphQL, schema: "{SCHEMA}"}}) {{ tableID primaryTableInstanceID }} }}')
        ids["table"], ids["instance"] = made["createTable"].values()
        for service, (read, write) in SERVICES.items():
            quota = ", readQuota: 1, writeQuota: 1, scanQuota: 1" if service == "spent" else ""
            made = await ask(USERS["admin"], f'mutation {{ createService(input: {{organizationName: "{self.name}", projectName:'
                             f' "p", serviceName: "{service}"{quota}}}) {{ serviceID }} }}')
            ids["of_" + service] = made["createService"]["serviceID"]
            if read or write:
                await ask(USERS["admin"], f"mutation {{ updateServiceTablePermissions(serviceID: $of_{service}, tableID: $table"
                          f", read: {json.dumps(read)}, write: {json.dumps(write)}) {{ read }} }}", ids)
            made = await ask(USERS["admin"], f'mutation {{ issueServiceSecret(serviceID: $of_{service}, description: "x") '
                             "{ token secret { secretID } } }", ids)
            self.secrets[service] = made["issueServiceSecret"]["token"]
        made = await ask(USERS["admin"], f'mutation {{ createService(input: {{organizationName: "{self.name}", projectName: '
                         '"p", serviceName: "other"}) { serviceID } }')
        ids["service"] = made["createService"]["serviceID"]
        made = await ask(USERS["admin"], 'mutation { issueServiceSecret(serviceID: $service, description: "x") '
                         "{ secret { secretID } } }", ids)
        ids["secret"] = made["issueServiceSecret"]["secret"]["secretID"]
        made = await ask(USERS["admin"], f'mutation {{ createService(input: {{organizationName: "{self.name}", projectName: '
                         '"p", serviceName: "gone"}) { serviceID } }')
        ids["gone"] = made["createService"]["serviceID"]
        made = await ask(USERS["admin"], 'mutation { issueServiceSecret(serviceID: $gone, description: "x") { token } }', ids)
        self.revoked = made["issueServiceSecret"]["token"]
        await ask(USERS["admin"], "mutation { deleteService(serviceID: $gone) }", ids)
        made = await ask(None, 'mutation { createAuthTicket(input: {requesterName: "someone"}) { authTicketID } }')
        ids["ticket"] = made["createAuthTicket"]["authTicketID"]
        made = await ask(USERS["reader"], 'mutation { issueUserSecret(description: "x", readOnly: false, publicOnly: false) '
                         "{ secret { userSecretID } } }")
        ids["own"] = made["issueUserSecret"]["secret"]["userSecretID"]
        return self

    async def try_it(self, caller, kind, operation, rest):
        text = rest.replace("ORG", self.name).replace("NEW", f"new_{next(counter)}")
        return (await ask(self.secrets[caller], f"{kind} {{ {operation}{text} }}", self.ids))[operation]

    async def state(self):
        """All that its administrator sees."""
        admin, name = USERS["admin"], self.name
        project = ("projectID name displayName site public tables { tableID name instancesCreatedCount instancesDeletedCount "
                   "instancesMadeFinalCount instancesMadePrimaryCount } services { serviceID name description readQuota }")
        return [
            await ask(admin, f'query {{ organizationByName(name: "{name}") {{ name displayName projects {{ name }} '
                      "... on PrivateOrganization { readQuota writeQuota scanQuota updatedOn } } }"),
            await ask(admin, "query { organizationMembers(organizationID: $organization) { name view create admin readQuota } }", self.ids),
            await ask(admin, "query { projectMembers(projectID: $project) { name view create admin } }", self.ids),
            await ask(admin, f'query {{ projectByOrganizationAndName(organizationName: "{name}", projectName: "p") {{ {project} }} }}'),
            await ask(admin, f'query {{ projectByOrganizationAndName(organizationName: "{name}", projectName: "empty_{name}") {{ {project} }} }}'),
            await ask(admin, "query { secretsForService(serviceID: $service) { secretID } }", self.ids),
        ]


async def world_for(operation, public):
    """One for all that changes nothing in it, or a new one."""
    if operation in QUERIES:
        if public not in WORLDS:
            WORLDS[public] = await World().make(public)
        # The reader is billed to one organization at a time: that of the newest world.
        world = WORLDS[public] if operation != "getUserUsage" else await World().make(public)
    else:
        world = await World().make(public)
    if operation == "acceptOrganizationInvite":
        await ask(USERS["admin"], "mutation { inviteUserToOrganization(userID: $stranger, organizationID: $organization, "
                  "view: true, create: false, admin: false) }", world.ids)
    return world


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
@pytest.mark.parametrize("operation", [*QUERIES, *MUTATIONS])
async def test_control(place, operation, public):
    kind, (rest, need) = ("query", QUERIES[operation]) if operation in QUERIES else ("mutation", MUTATIONS[operation])
    may = who_may(need, public)
    world = await world_for(operation, public)
    before = await world.state()
    for caller in CALLERS:
        if caller in may:
            continue
        with pytest.raises(GraphQLError) as error:
            await world.try_it(caller, kind, operation, rest)
            raise AssertionError(f"{caller} may {operation}")
        assert re.search(REFUSALS.get(operation, "(?i)not allowed"), str(error.value)), (caller, str(error.value))
        assert error.value.errors[0]["path"] == [operation]
    assert await world.state() == before
    for i, caller in enumerate(c for c in CALLERS if c in may):
        if i > 0 and operation in ONCE:
            world = await world_for(operation, public)
        found = await world.try_it(caller, kind, operation, rest)
        if operation == "organizationByName":
            assert ("readUsage" in found) == (caller in NEEDS["organization view"]), caller
    # A secret that was revoked is nobody's: not even what all may is answered.
    async with aiohttp.ClientSession() as session, session.post(
            config.BENEATH_CONTROL_HOST + "/graphql", headers={"Authorization": f"Bearer {world.revoked}"},
            json={"query": f"{kind} {{ {operation}{rest} }}", "variables": {}}) as answer:
        assert answer.status == 400 and (await answer.text()).startswith("authentication error")


async def calls_of(world, caller, job):
    """Each call of the data plane, as `caller`."""
    connection = Connection(secret=world.secrets[caller])
    await connection.ensure_connected(check_authenticated=False)
    stub, words = connection.stub, {"metadata": connection.request_metadata}
    instance = bytes.fromhex(world.ids["instance"].replace("-", ""))
    admin = Connection(secret=USERS["admin"])
    await admin.ensure_connected()
    cursor = (await admin.stub.QueryLog(gateway_pb2.QueryLogRequest(instance_id=instance),
                                        metadata=admin.request_metadata)).change_cursors[0]
    record = gateway_pb2.InstanceRecords(instance_id=instance, records=[gateway_pb2.Record(avro_data=b"\x02")])
    start = gateway_pb2.PingRequest(client_id="beneath-python", client_version="1.4.2")

    async def subscribe():
        """The stream opens where it is allowed: it ends at once, or stays open."""
        stream = stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=cursor), **words)
        try:
            await asyncio.wait_for(stream.read(), 0.3)
        except asyncio.TimeoutError:
            stream.cancel()

    return {
        "Ping": lambda: stub.Ping(start, **words),
        "Write": lambda: stub.Write(gateway_pb2.WriteRequest(instance_records=[record]), **words),
        "QueryLog": lambda: stub.QueryLog(gateway_pb2.QueryLogRequest(instance_id=instance), **words),
        "QueryIndex": lambda: stub.QueryIndex(gateway_pb2.QueryIndexRequest(instance_id=instance), **words),
        "Read": lambda: stub.Read(gateway_pb2.ReadRequest(cursor=cursor), **words),
        "Subscribe": subscribe,
        "QueryWarehouse":
            lambda: stub.QueryWarehouse(gateway_pb2.QueryWarehouseRequest(query=f"SELECT k FROM `{world.name}/p/t`"), **words),
        "PollWarehouseJob": lambda: stub.PollWarehouseJob(gateway_pb2.PollWarehouseJobRequest(job_id=job), **words),
    }


async def outcome(call):
    try:
        await call()
        return "OK", ""
    except AioRpcError as error:
        return error.code().name, error.details()


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
async def test_data(place, public):
    world = await World().make(public)
    reader = beneath.Client(secret=USERS["reader"])
    job = bytes((await reader.query_warehouse(f"SELECT k FROM `{world.name}/p/t`")).job_id)
    # One call of each kind uses the quotas up: crossing is allowed, the next call is not.
    calls = await calls_of(world, "spent", job)
    for name in ("Write", "Read"):
        assert (await outcome(calls[name]))[0] == "OK", name
    for caller in CALLERS:
        calls = await calls_of(world, caller, job)
        for name, need in CALLS.items():
            expected, text = "OK", ""
            if caller not in who_may(need, public):
                expected, text = "PERMISSION_DENIED", "not allowed"
            if name == "PollWarehouseJob" and caller != "reader":
                expected, text = "INVALID_ARGUMENT", "not found"
            if caller == "none" and name == "QueryWarehouse":
                expected, text = "INVALID_ARGUMENT", "not authenticated"
            if caller == "none" and name == "Subscribe":
                expected, text = "PERMISSION_DENIED", "not allowed"
            if caller == "spent" and name in ("Write", "Read", "QueryWarehouse"):
                expected, text = "RESOURCE_EXHAUSTED", "quota"
            code, details = await outcome(calls[name])
            assert code == expected and text in details.lower(), (caller, name, code, details)
    calls = await calls_of(world, "taker", job)
    await ask(USERS["admin"], "mutation { deleteService(serviceID: $of_taker) }", world.ids)
    for name in CALLS:  # revoked between two calls of one connection
        code, details = await outcome(calls[name])
        assert code == "UNAUTHENTICATED" and details.startswith("authentication error"), (name, code, details)


async def test_rights_of_services_need_both_projects(place):
    """Whoever gives a service a right on a table may create in both projects; and rights change for the next call."""
    one, two = await World().make(False), await World().make(False)
    ids = {"service": one.ids["of_service"], "table": two.ids["table"]}
    give = "mutation { updateServiceTablePermissions(serviceID: $service, tableID: $table, read: %s) { read } }"
    for world in (one, two):
        await ask(USERS["admin"], "mutation { updateUserProjectPermissions(userID: $writer, projectID: $project, view: true, "
                  "create: false) { create } }", world.ids)
        with pytest.raises(GraphQLError, match="(?i)not allowed"):
            await ask(USERS["writer"], give % "true", ids)
        await ask(USERS["admin"], "mutation { updateUserProjectPermissions(userID: $writer, projectID: $project, "
                  "create: true) { create } }", world.ids)
    call = (await calls_of(two, "service", b""))["QueryLog"]
    secret = one.secrets["service"]
    two.secrets["service"] = secret
    call = (await calls_of(two, "service", b""))["QueryLog"]
    assert (await outcome(call))[0] == "PERMISSION_DENIED"
    await ask(USERS["writer"], give % "true", ids)
    assert (await outcome(call))[0] == "OK"
    await ask(USERS["writer"], give % "false", ids)
    assert (await outcome(call))[0] == "PERMISSION_DENIED"


async def test_limited_personal_secrets(place):
    """One that may only read changes nothing; one for what is public sees nothing else; both go when they are revoked."""
    private, public = await World().make(False), await World().make(True)
    issue = ('mutation { issueUserSecret(description: "x", readOnly: %s, publicOnly: %s) '
             "{ token secret { userSecretID description prefix } } }")
    made = {}
    for read_only, public_only in ((True, False), (False, True), (True, True)):
        document = issue % (json.dumps(read_only), json.dumps(public_only))
        found = (await ask(USERS["admin"], document))["issueUserSecret"]
        assert found["secret"]["description"] == "x" and found["token"].startswith(found["secret"]["prefix"])
        made[read_only, public_only] = found
    for (read_only, public_only), found in made.items():
        token = found["token"]
        assert (await ask(token, "query { me { name } }"))["me"]["name"] == "ada"
        for world in (private, public):
            is_public = world is public
            world.secrets["limited"] = token
            sees, changes = is_public or not public_only, not read_only and (is_public or not public_only)
            for operation in ("projectMembers", "tableByID", "tableInstancesForTable", "organizationMembers", "updateProject",
                              "createTable", "createTableInstance", "createProject", "updateOrganization"):
                kind, (rest, need) = (("query", QUERIES[operation]) if operation in QUERIES else ("mutation", MUTATIONS[operation]))
                may = sees if need in OPENED else changes
                if need.startswith("organization"):
                    may = not public_only and (need == "organization view" or not read_only)
                if may:
                    await world.try_it("limited", kind, operation, rest)
                else:
                    with pytest.raises(GraphQLError, match="(?i)not allowed"):
                        await world.try_it("limited", kind, operation, rest)
            calls = await calls_of(world, "limited", b"\0" * 16)
            for name in ("QueryLog", "Read", "Subscribe", "QueryWarehouse"):
                assert (await outcome(calls[name]))[0] == ("OK" if sees else "PERMISSION_DENIED"), (name, read_only, public_only)
            assert (await outcome(calls["Write"]))[0] == ("OK" if changes else "PERMISSION_DENIED")
        for operation in ("issueUserSecret", "revokeUserSecret", "updateAuthTicket", "acceptOrganizationInvite"):
            with pytest.raises(GraphQLError, match="(?i)not allowed"):
                await private.try_it("limited", "mutation", operation, MUTATIONS[operation][0])
        # It is not its own to revoke; another user's neither.
        revoke = f'mutation {{ revokeUserSecret(secretID: "{found["secret"]["userSecretID"]}") }}'
        with pytest.raises(GraphQLError, match=" not found"):
            await ask(USERS["writer"], revoke)
        await ask(USERS["admin"], revoke)
        calls = await calls_of(private, "none", b"")
        connection = Connection(secret=token)
        with pytest.raises(AioRpcError) as error:
            await connection.ensure_connected()
        assert error.value.code().name == "UNAUTHENTICATED"
        with pytest.raises(GraphQLError, match=" not found"):
            await ask(USERS["admin"], revoke)


async def test_what_lies_below_a_thing_needs_its_own_right(place):
    """Fields below a field that one may see do not open what one may not."""
    world = await World().make(False)
    document = (f'query {{ organizationByName(name: "{world.name}") {{ projects {{ name tables {{ name schema }} services {{ name }} }} }} }}')
    await ask(USERS["admin"], "mutation { updateUserOrganizationPermissions(userID: $stranger, organizationID: $organization, "
              "view: true) { view } }", world.ids)
    found = (await ask(USERS["stranger"], document))["organizationByName"]["projects"]
    assert {p["name"] for p in found} == {"p", f"empty_{world.name}"}
    assert all(p["tables"] == [] and p["services"] == [] for p in found)
    seen = (await ask(USERS["reader"], document))["organizationByName"]["projects"]
    assert {p["name"]: [t["name"] for t in p["tables"]] for p in seen}["p"] == ["t"]
    # A service sees its table; around it, itself and nothing else.
    found = (await ask(world.secrets["taker"], "query { tableByID(tableID: $table) { project { name tables { name } "
                       "services { name } } } }", world.ids))["tableByID"]["project"]
    assert found == {"name": "p", "tables": [{"name": "t"}], "services": [{"name": "taker"}]}
    # The master who sets quotas is told of them and of the use, and not of what the organization has.
    found = (await ask(USERS["master"], "mutation { updateOrganizationQuotas(organizationID: $organization, readQuota: 5) "
                       "{ readQuota readUsage projects { name } personalUser { email } } }", world.ids))["updateOrganizationQuotas"]
    assert found["readQuota"] == 5 and found["projects"] == [] and found["personalUser"] is None
