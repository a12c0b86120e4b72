"""The control plane: every operation of the client, its statuses and its refusals."""

import datetime
import uuid

import beneath
import pytest
from beneath.admin.client import AdminClient
from beneath.connection import Connection, GraphQLError

from conftest import new_project
from server import SECRETS

SCHEMA = "type T @schema { k: String! @key, v: Int }"
numbers = iter(range(1, 1000))


def who(name):
    return beneath.Client(secret=SECRETS[name])


async def me(name):
    return await who(name).admin.organizations.find_me()


async def refused(awaitable, *texts):
    with pytest.raises(GraphQLError) as error:
        await awaitable
    assert all(text in str(error.value) for text in texts), str(error.value)
    assert error.value.errors[0]["path"]


def project_words(organization, name, **changes):
    words = dict(organization_id=organization, project_name=name, display_name=None, public=None,
                 description=None, site_url=None, photo_url=None)
    return {**words, **changes}


async def test_oneself(server):
    found = await me("ada")
    assert found["name"] == "ada" and found["personalUser"]["email"] == "ada@example.org"
    assert (await me("bob"))["personalUser"]["email"] == "bob@builders.example"
    assert found["readQuota"] is None and found["readUsage"] >= 0
    assert uuid.UUID(found["organizationID"]) and found["personalUserID"] == found["personalUser"]["userID"]
    seen = await who("bob").admin.organizations.find_by_name("ADA")
    assert "readUsage" not in seen and seen["name"] == "ada"
    await refused(who("bob").admin.organizations.find_by_name("nobody"), " not found")


async def test_organizations(server):
    root, ada = who("root").admin.organizations, who("ada").admin.organizations
    name = f"org_{next(numbers)}"
    await refused(ada.create(name), "ot allowed")
    await refused(root.create("admin"), "reserved")
    await refused(root.create("9x"), "cannot name")
    made = await root.create(name)
    assert made["personalUserID"] is None and made["writeQuota"] is None
    await refused(root.create(name), "already taken")
    changed = await root.update_details(made["organizationID"], name=None, display_name="An Org",
                                        description="d", photo_url=None)
    assert (changed["displayName"], changed["description"], changed["name"]) == ("An Org", "d", name)
    quotas = await root.update_quota(
        made["organizationID"], read_quota_bytes=5 * 10**9, write_quota_bytes=None, scan_quota_bytes=1)
    assert (quotas["readQuota"], quotas["writeQuota"], quotas["scanQuota"]) == (5 * 10**9, None, 1)
    await refused(ada.update_quota(made["organizationID"], 1, 1, 1), "ot allowed")
    await refused(ada.update_details(made["organizationID"], None, "x", None, None), "ot allowed")
    renamed = await root.update_details(made["organizationID"], name=name + "_b", display_name=None,
                                        description=None, photo_url=None)
    assert renamed["name"] == name + "_b"
    await refused(root.find_by_name(name), " not found")


async def test_members_and_billing(server):
    root, ada = who("root").admin.organizations, who("ada").admin.organizations
    made = await root.create(f"org_{next(numbers)}")
    organization, user = made["organizationID"], (await me("ada"))["personalUserID"]
    await refused(ada.get_member_permissions(organization), "ot allowed")
    await refused(ada.accept_invite(organization), " not found")
    await refused(ada.invite_user(organization, user, True, True, False), "ot allowed")
    assert await root.invite_user(organization_id=organization, user_id=user, view=True, create=False, admin=False)
    assert await ada.accept_invite(organization)
    members = await ada.get_member_permissions(organization)
    assert {(m["name"], m["view"], m["create"], m["admin"]) for m in members} == {
        ("root", True, True, True), ("ada", True, False, False)}
    assert (await me("ada"))["personalUser"]["billingOrganizationID"] == organization
    await refused(root.invite_user(organization_id=organization, user_id=user, view=True, create=True, admin=True),
                  "already a member")
    quotas = await root.update_user_quota(user, 7, None, None)
    assert quotas["readQuota"] == 7
    users = who("root").admin.users
    rights = await users.update_permissions_for_organization(user, organization, view=None, create=True, admin=None)
    assert (rights["view"], rights["create"], rights["admin"]) == (True, True, False)
    left = await ada.leave(user)
    assert left["billingOrganizationID"] == (await me("ada"))["organizationID"]
    assert [m["name"] for m in await root.get_member_permissions(organization)] == ["root"]
    await refused(root.update_user_quota(user, 1, 1, 1), "")
    await refused(root.invite_user((await me("root"))["organizationID"], user, True, True, True), "")


async def test_projects(server):
    ada, bob = who("ada").admin, who("bob").admin
    mine, name = await me("ada"), f"p_{next(numbers)}"
    made = await ada.projects.create(**project_words(mine["organizationID"], name, description="d"))
    assert made["public"] is False and made["site"] == "" and made["description"] == "d"
    await refused(ada.projects.create(**project_words(mine["organizationID"], name)), "already exists")
    await refused(bob.projects.create(**project_words(mine["organizationID"], "x")), "ot allowed")
    await refused(bob.projects.find_by_organization_and_name("ada", name), "ot allowed")
    await refused(bob.projects.find_by_organization_and_name("ada", "none"), " not found")
    found = await ada.projects.find_by_organization_and_name("Ada", name.upper())
    assert found["projectID"] == made["projectID"] and found["tables"] == []
    user = (await me("bob"))["personalUserID"]
    rights = await ada.users.update_permissions_for_project(user, made["projectID"], view=True, create=None, admin=None)
    assert (rights["view"], rights["create"], rights["admin"]) == (True, False, False)
    assert await bob.projects.find_by_organization_and_name("ada", name)
    assert name in [p["name"] for p in await bob.projects.list_for_user(user)]
    await refused(ada.projects.list_for_user(user), "ot allowed")
    assert {m["name"] for m in await bob.projects.get_member_permissions(made["projectID"])} == {"ada", "bob"}
    await refused(bob.projects.update(made["projectID"], "x", None, None, None, None), "ot allowed")
    await ada.users.update_permissions_for_project(user, made["projectID"], view=False, create=None, admin=None)
    await refused(bob.projects.find_by_organization_and_name("ada", name), "ot allowed")
    changed = await ada.projects.update(made["projectID"], display_name=None, public=True, description=None,
                                        site_url="s", photo_url=None)
    assert changed["public"] and changed["site"] == "s" and changed["description"] == "d"
    assert await bob.projects.find_by_organization_and_name("ada", name)
    assert name in [p["name"] for p in (await bob.organizations.find_by_name("ada"))["projects"]]
    table = await who("ada").create_table(f"ada/{name}/t", schema=SCHEMA)
    await refused(ada.projects.delete(made["projectID"]), "still has tables")
    await table.delete()
    await ada.projects.delete(made["projectID"])
    await refused(ada.projects.delete(made["projectID"]), " not found")


async def test_a_project_moves_with_its_tables(server):
    root, ada = who("root").admin, who("ada").admin
    target = await root.organizations.create(f"org_{next(numbers)}")
    user = (await me("ada"))["personalUserID"]
    path = await new_project(SECRETS["ada"], f"p_{next(numbers)}")
    name = path.split("/")[1]
    project = await ada.projects.find_by_organization_and_name("ada", name)
    client = who("ada")
    await client.start()
    table = await client.create_table(f"{path}/t", schema=SCHEMA)
    await client.write(table.primary_instance, {"k": "x", "v": 1})
    await client.stop()
    await refused(ada.organizations.transfer_project(project["projectID"], target["organizationID"]), "ot allowed")
    await root.users.update_permissions_for_organization(user, target["organizationID"], True, True, None)
    moved = await ada.organizations.transfer_project(project["projectID"], target["organizationID"])
    assert moved["organization"]["name"] == target["name"]
    with pytest.raises(GraphQLError):
        await client.find_table(f"{path}/t")
    found = await client.find_table(f"{target['name']}/{name}/t")
    assert found.table_id == table.table_id
    assert [r["k"] for r in await (await found.primary_instance.query_log()).read_all()] == ["x"]


async def test_services(server, project):
    ada, bob = who("ada").admin, who("bob").admin
    words = dict(organization_name="ada", project_name=project.split("/")[1], service_name="Reader-One")
    made = await ada.services.create(**words, description="d", read_quota_bytes=0, write_quota_bytes=9)
    assert made["name"] == "reader_one" and made["readQuota"] is None and made["writeQuota"] == 9
    await refused(ada.services.create(**words), "already exists")
    again = await ada.services.create(**words, update_if_exists=True)
    assert again["serviceID"] == made["serviceID"] and again["description"] == "d"
    assert (await ada.services.update(**words, description="e"))["description"] == "e"
    assert (await ada.services.find_by_organization_project_and_name(**words))["description"] == "e"
    await refused(bob.services.find_by_organization_project_and_name(**words), "ot allowed")
    await refused(bob.services.issue_secret(made["serviceID"], "x"), "ot allowed")
    await refused(ada.services.issue_secret(made["serviceID"], "x" * 41), "40")
    secret = (await ada.services.issue_secret(made["serviceID"], "a secret"))["token"]
    listed = await ada.services.list_secrets(made["serviceID"])
    assert [(s["description"], s["prefix"]) for s in listed] == [("a secret", secret[:4])]
    table = await who("ada").create_table(f"{project}/t", schema=SCHEMA)
    service = beneath.Client(secret=secret)
    await refused(service.admin.organizations.find_me(), "personal")
    await refused(service.find_table(f"{project}/t"), "ot allowed")
    rights = await ada.services.update_permissions_for_table(made["serviceID"], str(table.table_id), read=True, write=None)
    assert (rights["read"], rights["write"]) == (True, False)
    found = await service.find_table(f"{project}/t")
    assert await (await found.primary_instance.query_log()).read_all() in (None, [])
    assert (await service.admin.services.find_by_organization_project_and_name(**words))["name"] == "reader_one"
    await ada.secrets.revoke_service_secret(listed[0]["secretID"])
    with pytest.raises(Exception, match="authentication error"):
        await beneath.Client(secret=secret).connection.ensure_connected()
    with pytest.raises(Exception, match="authentication error"):
        await found.primary_instance.query_log()
    await refused(ada.secrets.revoke_service_secret(listed[0]["secretID"]), " not found")
    await ada.services.delete(made["serviceID"])
    await refused(ada.services.delete(made["serviceID"]), " not found")


async def test_tables(server, project):
    client, bob = who("ada"), who("bob")
    path = f"{project}/t"
    table = await client.create_table(path, schema='"what it is" ' + SCHEMA)
    words = dict(zip(("organization_name", "project_name", "table_name"), path.split("/")))
    found = await client.admin.tables.find_by_organization_project_and_name(**words)
    assert found["description"] == "what it is" and found["primaryTableInstance"]["version"] == 0
    assert found["instancesCreatedCount"] == found["instancesMadePrimaryCount"] == 1
    assert found["tableIndexes"] == [{"fields": ["k"], "primary": True, "normalize": False}]
    by_id = await client.admin.tables.find_by_id(str(table.table_id))
    assert by_id["primaryTableInstanceID"] == found["primaryTableInstance"]["tableInstanceID"]
    await refused(bob.find_table(path), "ot allowed")
    await refused(bob.create_table(f"{project}/u", schema=SCHEMA), "ot allowed")
    await refused(client.create_table(path, schema=SCHEMA), "already exists")
    await client.create_table(path, schema='"what it is" ' + SCHEMA, update_if_exists=True)
    await refused(client.create_table(path, schema=SCHEMA, use_index=False, update_if_exists=True),
                  "Cannot update useIndex")
    await refused(client.create_table(path, schema="type T @schema { k: String! @key }", update_if_exists=True),
                  "Schema error:")
    await refused(client.create_table(f"{project}/u", schema="type T { k: Int! @key }"), "Error creating table")
    await refused(client.find_table(f"{project}/none"), " not found")
    await refused(client.create_table("nobody/none/t", schema=SCHEMA), " not found")
    compiled = await client.admin.tables.compile_schema("GraphQL", SCHEMA)
    assert compiled["canonicalIndexes"] == '[{"fields":["k"],"key":true}]'
    await table.delete()
    await refused(client.find_table(path), " not found")
    again = await client.create_table(path, schema=SCHEMA)
    assert again.primary_instance.version == 0 and again.table_id != table.table_id


async def test_usage(client, project):
    await client.start()
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    before = await client.admin.organizations.find_me()
    await client.write(table.primary_instance, {"k": "x", "v": 1})
    await client.stop()
    await (await table.primary_instance.query_log()).read_all()
    after = await client.admin.organizations.find_me()
    assert after["writeUsage"] - before["writeUsage"] == 1024
    assert after["readUsage"] - before["readUsage"] == 1024
    usage = await client.admin.users.get_usage(user_id=after["personalUserID"], period="H")
    assert usage[-1]["writeOps"] >= 1 and usage[-1]["entityID"] == after["personalUserID"]
    await refused(client.admin.users.get_usage(user_id=after["personalUserID"], period="D", from_time=datetime.datetime(2021, 1, 1)), "period")


async def test_quotas(server, project):
    root, client = who("root").admin, who("ada")
    organization = (await me("ada"))["organizationID"]
    await client.start()
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    await root.organizations.update_quota(organization, 1, 1, 1)
    try:
        for call in (client.write(table.primary_instance, {"k": "x", "v": 1}),):
            await call
        with pytest.raises(Exception, match="quota"):
            await client.force_flush()
            await client.force_flush()
    finally:
        await root.organizations.update_quota(organization, None, None, None)


async def test_signing_in_by_ticket(server):
    anonymous = Connection()
    admin = AdminClient(anonymous)
    ticket = await admin.users.create_auth_ticket("a laptop")
    found = await admin.users.get_auth_ticket(ticket["authTicketID"])
    assert found["issuedSecret"] is None
    approved = await who("ada").connection.query_control(
        variables={"input": {"authTicketID": ticket["authTicketID"], "approve": True}},
        query="mutation U($input: UpdateAuthTicketInput!) { updateAuthTicket(input: $input) { authTicketID } }")
    assert approved["updateAuthTicket"]
    found = await admin.users.get_auth_ticket(ticket["authTicketID"])
    signed_in = beneath.Client(secret=found["issuedSecret"]["token"])
    assert (await signed_in.admin.organizations.find_me())["name"] == "ada"
    await refused(admin.users.get_auth_ticket(ticket["authTicketID"]), " not found")


async def test_bad_documents(client):
    ask = client.connection.query_control
    assert await ask("{ ping }", {}) == {"ping": "pong"}
    assert await ask("query { a: ping # a comment\n }", {}) == {"a": "pong"}
    for bad in ("{", "{ nothing }", "{ me }", "query Q($x: Nothing) { ping }", "{ ping(x: 1) }", "{ me { name { x } } }",
                "query Q($n: Int!) { organizationByName(name: $n) { name } }", "{ organizationByName { name } }",
                "fragment F on Query { ...F } query { ...F }", "{ a: ping a: me { name } }", "{" * 1000):
        with pytest.raises(ValueError, match="422"):
            await ask(bad, {"n": 1})
    with pytest.raises(ValueError, match="422"):
        await ask("query Q($n: String!) { organizationByName(name: $n) { name } }", {"n": None})
    await refused(client.admin.tables.find_by_id("not-a-uuid"), "UUID")
