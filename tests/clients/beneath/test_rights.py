"""No right that was not given: every operation, tried by those who may not, on things that exist."""

import beneath
import pytest
from beneath.connection import Connection, GraphQLError
from beneath.proto import gateway_pb2
from grpc.aio import AioRpcError

from conftest import new_project, numbers
from server import SECRETS

SCHEMA = "type T @schema { k: Int! @key }"

# Operations on ada's private project, with what they select; a dot in an argument's value is looked up.
PRIVATE = {
    "organizationMembers(organizationID: $organization) { name }": "query",
    "projectMembers(projectID: $project) { name }": "query",
    "projectsForUser(userID: $user) { name }": "query",
    "getUserUsage(userID: $user, period: \"M\", from: \"2021-01-01T00:00:00Z\") { period }": "query",
    "tableByID(tableID: $table) { name }": "query",
    "tableInstanceByTableAndVersion(tableID: $table, version: 0) { version }": "query",
    "tableInstancesForTable(tableID: $table) { version }": "query",
    "secretsForService(serviceID: $service) { prefix }": "query",
    "createOrganization(name: \"stolen\") { name }": "mutation",
    "updateOrganization(organizationID: $organization, name: \"stolen\") { name }": "mutation",
    "updateOrganizationQuotas(organizationID: $organization) { name }": "mutation",
    "inviteUserToOrganization(userID: $user, organizationID: $organization, view: true, create: true, admin: true)":
        "mutation",
    "updateUserQuotas(userID: $user, readQuota: 1) { userID }": "mutation",
    "leaveBillingOrganization(userID: $user) { userID }": "mutation",
    "transferProjectToOrganization(projectID: $project, organizationID: $organization) { name }": "mutation",
    "createProject(input: {organizationID: $organization, projectName: \"x\"}) { name }": "mutation",
    "updateProject(input: {projectID: $project, public: true}) { name }": "mutation",
    "deleteProject(input: {projectID: $project})": "mutation",
    "deleteTable(tableID: $table)": "mutation",
    "createTableInstance(input: {tableID: $table}) { version }": "mutation",
    "updateTableInstance(input: {tableInstanceID: $instance, makeFinal: true}) { version }": "mutation",
    "deleteTableInstance(instanceID: $instance)": "mutation",
    "updateServiceTablePermissions(serviceID: $service, tableID: $table, read: true) { read }": "mutation",
    "deleteService(serviceID: $service)": "mutation",
    "issueServiceSecret(serviceID: $service, description: \"x\") { token }": "mutation",
    "revokeServiceSecret(secretID: $secret)": "mutation",
    "updateUserProjectPermissions(userID: $user, projectID: $project, admin: true) { admin }": "mutation",
    "updateUserOrganizationPermissions(userID: $user, organizationID: $organization, admin: true) { admin }": "mutation",
}
BY_NAME = {
    "projectByOrganizationAndName(organizationName: \"ada\", projectName: \"NAME\") { name }": "query",
    "tableByOrganizationProjectAndName(organizationName: \"ada\", projectName: \"NAME\", tableName: \"t\") { name }": "query",
    "tableInstanceByOrganizationProjectTableAndVersion(organizationName: \"ada\", projectName: \"NAME\", "
    "tableName: \"t\", version: 0) { version }": "query",
    "serviceByOrganizationProjectAndName(organizationName: \"ada\", projectName: \"NAME\", serviceName: \"s\") { name }":
        "query",
    "createTable(input: {organizationName: \"ada\", projectName: \"NAME\", tableName: \"x\", schemaKind: GraphQL, "
    "schema: \"type T @schema { k: Int! @key }\"}) { name }": "mutation",
    "createService(input: {organizationName: \"ada\", projectName: \"NAME\", serviceName: \"x\"}) { name }": "mutation",
    "updateService(input: {organizationName: \"ada\", projectName: \"NAME\", serviceName: \"s\"}) { name }": "mutation",
}


async def things(name):
    """A private project of ada's with all there can be in it; another service's secret."""
    ada = beneath.Client(secret=SECRETS["ada"])
    path = await new_project(SECRETS["ada"], name)
    me = await ada.admin.organizations.find_me()
    table = await ada.create_table(f"{path}/t", schema=SCHEMA)
    project = await ada.admin.projects.find_by_organization_and_name("ada", name)
    service = await ada.admin.services.create("ada", name, "s")
    await ada.admin.services.issue_secret(service["serviceID"], "its own")
    [secret] = await ada.admin.services.list_secrets(service["serviceID"])
    other = await ada.admin.services.create("ada", name, "other")
    token = (await ada.admin.services.issue_secret(other["serviceID"], "x"))["token"]
    return table, token, {
        "organization": me["organizationID"], "user": me["personalUserID"], "project": project["projectID"],
        "table": str(table.table_id), "instance": str(table.primary_instance.instance_id),
        "service": service["serviceID"], "secret": secret["secretID"]}


async def test_nobody_may_what_was_not_given(server):
    name = f"private_{next(numbers)}"
    table, token, ids = await things(name)
    root_may = {"createOrganization", "updateOrganizationQuotas"}
    for who in (None, SECRETS["bob"], SECRETS["root"], token):
        connection = Connection(secret=who)
        for call, kind in {**PRIVATE, **BY_NAME}.items():
            operation = call.split("(")[0]
            if who == SECRETS["root"] and operation in root_may:
                continue
            used = {k: v for k, v in ids.items() if f"${k}" in call}
            declared = ", ".join(f"${k}: UUID!" for k in used)
            document = f"{kind} Q{f'({declared})' if used else ''} {{ {call.replace('NAME', name)} }}"
            with pytest.raises(GraphQLError, match="(?i)not allowed"):
                await connection.query_control(document, dict(used), check_authenticated=False)
                raise AssertionError(f"{who} may {operation}")
        instance = table.primary_instance.instance_id.bytes
        await connection.ensure_connected(check_authenticated=False)
        stub, words = connection.stub, {"metadata": connection.request_metadata}
        ada = beneath.Client(secret=SECRETS["ada"])
        cursor = (await ada.connection.query_log(table.primary_instance.instance_id, peek=False)).change_cursors[0]
        record = gateway_pb2.InstanceRecords(instance_id=instance, records=[gateway_pb2.Record(avro_data=b"\x02")])
        for call in (stub.Write(gateway_pb2.WriteRequest(instance_records=[record]), **words),
                     stub.QueryLog(gateway_pb2.QueryLogRequest(instance_id=instance), **words),
                     stub.QueryIndex(gateway_pb2.QueryIndexRequest(instance_id=instance), **words),
                     stub.Read(gateway_pb2.ReadRequest(cursor=cursor), **words),
                     stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=cursor), **words).read()):
            with pytest.raises(AioRpcError) as error:
                await call
            assert error.value.code().name == "PERMISSION_DENIED"


async def test_what_is_public_is_read_by_all_but_services(server):
    name = f"public_{next(numbers)}"
    path = await new_project(SECRETS["ada"], name, public=True)
    ada = beneath.Client(secret=SECRETS["ada"])
    table = await ada.create_table(f"{path}/t", schema=SCHEMA)
    service = await ada.admin.services.create("ada", name, "s")
    token = (await ada.admin.services.issue_secret(service["serviceID"], "x"))["token"]
    instance = table.primary_instance.instance_id.bytes
    record = gateway_pb2.InstanceRecords(instance_id=instance, records=[gateway_pb2.Record(avro_data=b"\x02")])
    for who, reads in ((None, True), (SECRETS["bob"], True), (token, False)):
        connection = Connection(secret=who)
        await connection.ensure_connected(check_authenticated=False)
        ask = connection.stub.QueryLog(gateway_pb2.QueryLogRequest(instance_id=instance),
                                       metadata=connection.request_metadata)
        if reads:
            assert (await ask).change_cursors
        else:
            with pytest.raises(AioRpcError, match="(?i)not allowed"):
                await ask
        with pytest.raises(AioRpcError) as error:
            await connection.stub.Write(gateway_pb2.WriteRequest(instance_records=[record]),
                                        metadata=connection.request_metadata)
        assert error.value.code().name == "PERMISSION_DENIED"
