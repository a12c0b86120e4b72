"""The control plane by its contract: the reply of each operation field by field, its rules, its errors, and what goes over the wire."""

import asyncio
import datetime
import json
import re
import uuid

import aiohttp
import beneath
import pytest
from beneath import config
from beneath.admin.client import AdminClient
from beneath.connection import Connection, GraphQLError

from conftest import new_project
from server import SECRETS
from walked import Walked, missing

SCHEMA = "type T @schema { k: String! @key, v: Int }"
UUID, TEXT, NUMBER, FLAG, TIME = "uuid", "text", "number", "flag", "time"
counter = iter(range(1, 10_000))


def maybe(kind):
    return (kind, None)


INSTANCE = dict(tableInstanceID=UUID, createdOn=TIME, version=NUMBER, madePrimaryOn=maybe(TIME), madeFinalOn=maybe(TIME))
I_ = {**INSTANCE, "tableID": UUID}
T_ = dict(tableID=UUID, name=TEXT, description=TEXT, createdOn=TIME, updatedOn=TIME, project=dict(projectID=UUID, name=TEXT), schemaKind=TEXT,
          schema=TEXT, avroSchema=TEXT, tableIndexes=[dict(fields=[TEXT], primary=FLAG, normalize=FLAG)], meta=FLAG, allowManualWrites=FLAG,
          useLog=FLAG, useIndex=FLAG, useWarehouse=FLAG, logRetentionSeconds=NUMBER, indexRetentionSeconds=NUMBER,
          warehouseRetentionSeconds=NUMBER, primaryTableInstance=maybe(INSTANCE), instancesCreatedCount=NUMBER,
          instancesDeletedCount=NUMBER, instancesMadeFinalCount=NUMBER, instancesMadePrimaryCount=NUMBER)
TT = {**T_, "primaryTableInstanceID": maybe(UUID)}
O_ = dict(organizationID=UUID, name=TEXT, displayName=TEXT, description=maybe(TEXT), photoURL=maybe(TEXT), createdOn=TIME, projects=[dict(name=TEXT)],
          personalUserID=maybe(UUID))
QUOTAS = dict(readQuota=maybe(NUMBER), writeQuota=maybe(NUMBER), scanQuota=maybe(NUMBER))
USED = dict(readUsage=NUMBER, writeUsage=NUMBER)
OM = {**O_, **QUOTAS, **USED, "updatedOn": TIME}
OO = {**OM, "personalUser": dict(userID=UUID, email=TEXT, createdOn=TIME, updatedOn=TIME, billingOrganizationID=UUID, **QUOTAS)}
P_ = dict(projectID=UUID, name=TEXT, displayName=TEXT, public=FLAG, site=TEXT, description=TEXT, photoURL=TEXT, createdOn=TIME, updatedOn=TIME)
OF = dict(organizationID=UUID, name=TEXT)
S_ = dict(serviceID=UUID, name=TEXT, description=TEXT, sourceURL=TEXT, **QUOTAS)
SP = {**S_, "project": dict(projectID=UUID, name=TEXT, organization=OF)}
RIGHTS = dict(view=FLAG, create=FLAG, admin=FLAG)
CHECKS = {
    UUID: lambda v: re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", v), TEXT: lambda v: isinstance(v, str),
    NUMBER: lambda v: type(v) is int, FLAG: lambda v: type(v) is bool,
    TIME: lambda v: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", v),
}


def fits(value, shape, where="reply"):
    if isinstance(shape, tuple):
        if value is not None:
            fits(value, shape[0], where)
    elif isinstance(shape, dict):
        assert set(value) == set(shape), (where, set(value) ^ set(shape))
        for name, kind in shape.items():
            fits(value[name], kind, f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for item in value:
            fits(item, shape[0], where)
    else:
        assert value is not None and CHECKS[shape](value), (where, value)
    return value


def admin(name):
    """The operations of one user, walked."""
    inner = beneath.Client(secret=SECRETS[name]).admin
    return type("Admin", (), {part: Walked(getattr(inner, part)) for part in
                              ("organizations", "projects", "secrets", "services", "tables", "users")})


async def refused(awaitable, *texts):
    with pytest.raises(GraphQLError) as error:
        await awaitable
    assert all(text in str(error.value) for text in texts), str(error.value)
    assert error.value.errors[0]["message"] and len(error.value.errors[0]["path"]) == 1


def tag_of(token):
    """Byte 16 of a secret's 32."""
    number = 0
    for letter in token:
        number = number * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(letter)
    return number.to_bytes(32, "big")[16]


async def test_replies_of_organizations_and_users(server):
    root, ada, bob = admin("root"), admin("ada"), admin("bob")
    me = fits(await ada.organizations.find_me(), OO)
    assert me["description"] is None and me["photoURL"] is None
    fits(await ada.organizations.find_by_name(name="ada"), OO)
    fits(await bob.organizations.find_by_name("ada"), O_)
    name = f"ops_{next(counter)}"
    made = fits(await root.organizations.create(name=name), OM)
    organization = made["organizationID"]
    changed = fits(await root.organizations.update_details(organization_id=organization, name=f"{name}_x", display_name="Ops", description="about",
                                                           photo_url="http://photo"), OM)
    assert (changed["name"], changed["displayName"], changed["description"], changed["photoURL"]) == (f"{name}_x", "Ops", "about", "http://photo")
    kept = await root.organizations.update_details(organization, None, None, None, None)
    assert {k: kept[k] for k in kept if k != "updatedOn"} == {k: changed[k] for k in changed if k != "updatedOn"}
    quotas = fits(await root.organizations.update_quota(organization_id=organization, read_quota_bytes=2**40, write_quota_bytes=1, scan_quota_bytes=None),
                  dict(organizationID=UUID, name=TEXT, **QUOTAS))
    assert (quotas["readQuota"], quotas["writeQuota"], quotas["scanQuota"]) == (2**40, 1, None)
    quotas = await root.organizations.update_quota(organization, None, None, None)
    assert (quotas["readQuota"], quotas["writeQuota"]) == (None, None)
    user = (await bob.organizations.find_me())["personalUserID"]
    assert await root.organizations.invite_user(organization_id=organization, user_id=user, view=True, create=True, admin=False) is True
    assert await bob.organizations.accept_invite(organization_id=organization) is True
    member = dict(userID=UUID, billingOrganizationID=UUID, name=TEXT, displayName=TEXT, **RIGHTS, **QUOTAS)
    members = fits(await bob.organizations.get_member_permissions(organization_id=organization), [member])
    assert {m["name"]: m["billingOrganizationID"] == organization for m in members} == {"root": False, "bob": True}
    changed = fits(await root.organizations.update_user_quota(user_id=user, read_quota_bytes=5, write_quota_bytes=6, scan_quota_bytes=7),
                   dict(userID=UUID, email=TEXT, createdOn=TIME, updatedOn=TIME, **QUOTAS))
    assert (changed["readQuota"], changed["writeQuota"], changed["scanQuota"]) == (5, 6, 7)
    rights = fits(await root.users.update_permissions_for_organization(user_id=user, organization_id=organization, view=None, create=False, admin=True),
                  dict(userID=UUID, organizationID=UUID, **RIGHTS))
    assert (rights["view"], rights["create"], rights["admin"]) == (True, False, True)
    left = fits(await bob.organizations.leave(user_id=user), dict(userID=UUID, email=TEXT, updatedOn=TIME, billingOrganizationID=UUID))
    mine = await bob.organizations.find_me()
    assert left["billingOrganizationID"] == mine["organizationID"] and mine["personalUser"]["readQuota"] is None
    fits(await ada.users.get_usage(user_id=me["personalUserID"], period="M", from_time=datetime.datetime(2021, 1, 1),
                                   until=datetime.datetime(2100, 1, 1)),
         [dict(entityID=UUID, period=TEXT, time=TIME, **{f"{d}{w}": NUMBER for d in ("read", "write") for w in ("Ops", "Bytes", "Records")})])
    anonymous = Walked(AdminClient(Connection()).users)
    ticket = fits(await anonymous.create_auth_ticket(name="laptop"), dict(authTicketID=UUID, requesterName=TEXT, createdOn=TIME, updatedOn=TIME))
    fits(await anonymous.get_auth_ticket(ticket_id=ticket["authTicketID"]),
         dict(authTicketID=UUID, requesterName=TEXT, createdOn=TIME, updatedOn=TIME, issuedSecret=maybe(dict(token=TEXT))))


async def test_replies_of_projects_services_and_tables(server):
    ada, bob, root = admin("ada"), admin("bob"), admin("root")
    me, name = await ada.organizations.find_me(), f"ops_{next(counter)}"
    made = fits(await ada.projects.create(organization_id=me["organizationID"], project_name=name.upper(), display_name="Ops", public=True,
                                          description="d", site_url="s", photo_url="p"), P_)
    assert (made["name"], made["displayName"], made["public"], made["description"], made["site"], made["photoURL"]) == (name, "Ops", True, "d", "s", "p")
    project = made["projectID"]
    bare = await ada.projects.create(me["organizationID"], f"{name}_bare")
    assert (bare["displayName"], bare["public"], bare["description"], bare["site"], bare["photoURL"]) == ("", False, "", "", "")
    changed = fits(await ada.projects.update(project_id=project, display_name="Other", public=False, description="e", site_url="t", photo_url="q"), P_)
    assert (changed["displayName"], changed["public"], changed["description"], changed["site"], changed["photoURL"]) == ("Other", False, "e", "t", "q")
    kept = await ada.projects.update(project)
    assert {k: kept[k] for k in P_ if k != "updatedOn"} == {k: changed[k] for k in P_ if k != "updatedOn"}
    words = dict(organization_name="Ada", project_name=name.replace("_", "-"))
    found = fits(await ada.projects.find_by_organization_and_name(**words), {**P_, "tables": [dict(name=TEXT)], "services": [dict(name=TEXT)]})
    assert found["projectID"] == project and found["tables"] == found["services"] == []
    listed = fits(await ada.projects.list_for_user(user_id=me["personalUserID"]), [{**P_, "organization": OF}])
    assert [p["name"] for p in listed] == sorted(p["name"] for p in listed) and {name, f"{name}_bare"} <= {p["name"] for p in listed}
    user = (await bob.organizations.find_me())["personalUserID"]
    rights = fits(await ada.users.update_permissions_for_project(user_id=user, project_id=project, view=True, create=None, admin=None),
                  dict(userID=UUID, projectID=UUID, **RIGHTS))
    assert (rights["view"], rights["create"], rights["admin"]) == (True, False, False)
    members = fits(await ada.projects.get_member_permissions(project_id=project), [dict(userID=UUID, name=TEXT, displayName=TEXT, **RIGHTS)])
    assert {m["name"]: (m["view"], m["create"], m["admin"]) for m in members} == {"ada": (True,) * 3, "bob": (True, False, False)}
    # When all rights end, the member goes.
    await ada.users.update_permissions_for_project(user, project, False, False, False)
    assert [m["name"] for m in await ada.projects.get_member_permissions(project)] == ["ada"]
    assert name not in [p["name"] for p in await bob.projects.list_for_user(user)]

    words = dict(organization_name="ada", project_name=name)
    service = fits(await ada.services.create(**words, service_name="s-one", description="d", source_url="u", read_quota_bytes=1, write_quota_bytes=2,
                                             scan_quota_bytes=3, update_if_exists=False), SP)
    assert (service["name"], service["description"], service["sourceURL"]) == ("s_one", "d", "u")
    assert (service["readQuota"], service["writeQuota"], service["scanQuota"]) == (1, 2, 3) and service["project"]["organization"]["name"] == "ada"
    bare = await ada.services.create(**words, service_name="a_two")
    assert (bare["description"], bare["sourceURL"], bare["readQuota"], bare["writeQuota"], bare["scanQuota"]) == ("", "", None, None, None)
    again = await ada.services.create(**words, service_name="s_one", write_quota_bytes=0, update_if_exists=True)
    assert again["serviceID"] == service["serviceID"] and (again["readQuota"], again["writeQuota"], again["scanQuota"]) == (1, None, 3)
    again = fits(await ada.services.update(**words, service_name="S_ONE", description="e", source_url="v", read_quota_bytes=0, write_quota_bytes=9,
                                           scan_quota_bytes=0), SP)
    assert (again["description"], again["sourceURL"], again["readQuota"], again["writeQuota"], again["scanQuota"]) == ("e", "v", None, 9, None)
    again = await ada.services.update(**words, service_name="s_one")
    assert (again["description"], again["writeQuota"]) == ("e", 9)
    await refused(ada.services.update(**words, service_name="none"), " not found")
    fits(await ada.services.find_by_organization_project_and_name(**words, service_name="s_one"), S_)
    token = fits(await ada.services.issue_secret(service_id=service["serviceID"], description="é" * 40), dict(token=TEXT))["token"]
    assert tag_of(token) == 0x80
    await refused(ada.services.issue_secret(service["serviceID"], "é" * 41), "40")
    await ada.services.issue_secret(service["serviceID"], "two")
    secrets = fits(await ada.services.list_secrets(service_id=service["serviceID"]),
                   [dict(secretID=UUID, description=TEXT, prefix=TEXT, createdOn=TIME, updatedOn=TIME)])
    assert {s["description"]: len(s["prefix"]) for s in secrets} == {"é" * 40: 4, "two": 4}
    assert await ada.secrets.revoke_service_secret(secret_id=next(s["secretID"] for s in secrets if s["description"] == "two")) is True

    table = fits(await ada.tables.create(
        **words, table_name="t-one", schema_kind="GraphQL", schema=SCHEMA, indexes=None, description="d", meta=True, allow_manual_writes=True,
        use_log=True, use_index=True, use_warehouse=True, log_retention_seconds=100, index_retention_seconds=200, warehouse_retention_seconds=300,
        update_if_exists=False), TT)
    assert table["name"] == "t_one" and table["primaryTableInstanceID"] == table["primaryTableInstance"]["tableInstanceID"]
    assert [table[k] for k in ("meta", "allowManualWrites", "logRetentionSeconds", "indexRetentionSeconds", "warehouseRetentionSeconds")] == [
        True, True, 100, 200, 300]
    assert json.loads(table["avroSchema"])["fields"][0] == {"name": "k", "type": "string"} and table["schema"] == SCHEMA
    id_ = table["tableID"]
    for form in (id_, id_.upper(), id_.replace("-", ""), id_.replace("-", "").upper()):
        assert fits(await ada.tables.find_by_id(table_id=form), TT)["tableID"] == id_
    fits(await ada.tables.find_by_organization_project_and_name(**words, table_name="T-one"), T_)
    found = fits(await ada.tables.find_instance_by_organization_project_name_and_version(**words, table_name="t_one", version=0), {**I_, "table": T_})
    assert found["tableInstanceID"] == table["primaryTableInstanceID"] and found["table"]["tableID"] == id_ == found["tableID"]
    fits(await ada.tables.find_instance(table_id=id_, version=0), I_)
    instance = fits(await ada.tables.create_instance(table_id=id_, version=None, make_primary=None, update_if_exists=None), I_)
    assert instance["version"] == 1 and instance["madePrimaryOn"] is None and instance["madeFinalOn"] is None
    assert [i["version"] for i in fits(await ada.tables.find_instances(table_id=id_), [I_])] == [1, 0]
    updated = fits(await ada.tables.update_instance(instance_id=instance["tableInstanceID"], make_final=True, make_primary=True), I_)
    assert updated["madePrimaryOn"] and updated["madeFinalOn"]
    again = await ada.tables.update_instance(instance["tableInstanceID"], make_final=True)
    assert again["madeFinalOn"] == updated["madeFinalOn"]
    # The earlier primary was one once.
    assert (await ada.tables.find_instance(id_, 0))["madePrimaryOn"] == table["primaryTableInstance"]["madePrimaryOn"]
    assert await ada.tables.delete_instance(instance_id=instance["tableInstanceID"]) is True
    after = await ada.tables.find_by_id(id_)
    assert after["primaryTableInstance"] is None and after["primaryTableInstanceID"] is None
    compiled = fits(await ada.tables.compile_schema(schema_kind="GraphQL", schema=SCHEMA, indexes='[{"fields":["k"],"key":true}]'),
                    dict(canonicalAvroSchema=TEXT, canonicalIndexes=TEXT))
    assert compiled["canonicalIndexes"] == '[{"fields":["k"],"key":true}]'
    rights = fits(await ada.services.update_permissions_for_table(service_id=service["serviceID"], table_id=id_, read=True, write=None),
                  dict(serviceID=UUID, tableID=UUID, read=FLAG, write=FLAG))
    assert (rights["read"], rights["write"]) == (True, False)
    # Meta tables are among a project's, by name.
    await ada.tables.create(**words, table_name="a_first", schema_kind="GraphQL", schema=SCHEMA)
    found = await ada.projects.find_by_organization_and_name(**words)
    assert [t["name"] for t in found["tables"]] == ["a_first", "t_one"] and [s["name"] for s in found["services"]] == ["a_two", "s_one"]

    target = await root.organizations.create(f"ops_{next(counter)}")
    await root.users.update_permissions_for_organization(me["personalUserID"], target["organizationID"], True, True, None)
    moved = fits(await ada.organizations.transfer_project(project_id=project, new_organization_id=target["organizationID"]),
                 dict(projectID=UUID, organization=OF))
    assert moved["organization"]["name"] == target["name"]
    assert [f["tableID"] for f in [await beneath.Client(secret=token).admin.tables.find_by_id(id_)]] == [id_]
    await refused(ada.projects.delete(project_id=project), "tables or services")
    for table_id in [id_, (await ada.tables.find_by_organization_project_and_name(target["name"], name, "a_first"))["tableID"]]:
        assert await ada.tables.delete(table_id=table_id) is True
    await refused(ada.projects.delete(project), "tables or services")
    for service_id in (service["serviceID"], bare["serviceID"]):
        assert await ada.services.delete(service_id=service_id) is True
    assert await ada.projects.delete(project) is True


NOBODY = "00000000-0000-8000-8000-000000000001"
# operation -> its arguments; what they name is not there
ABSENT = {
    "organizations.find_by_name": ("nobody_at_all",), "organizations.get_member_permissions": (NOBODY,), "organizations.update_details": (NOBODY, None, None, None, None),
    "organizations.update_quota": (NOBODY, 1, 1, 1), "organizations.invite_user": (NOBODY, NOBODY, True, True, True), "organizations.accept_invite": (NOBODY,),
    "organizations.update_user_quota": (NOBODY, 1, 1, 1), "organizations.leave": (NOBODY,), "organizations.transfer_project": (NOBODY, NOBODY),
    "projects.find_by_organization_and_name": ("ada", "nothing"), "projects.list_for_user": (NOBODY,), "projects.create": (NOBODY, "x"), "projects.update": (NOBODY,),
    "projects.get_member_permissions": (NOBODY,), "projects.delete": (NOBODY,), "tables.find_by_id": (NOBODY,),
    "tables.find_by_organization_project_and_name": ("ada", "nothing", "t"), "tables.find_instance_by_organization_project_name_and_version": ("ada", "nothing", "t", 0),
    "tables.find_instance": (NOBODY, 0), "tables.find_instances": (NOBODY,), "tables.create": ("ada", "nothing", "t", "GraphQL", SCHEMA), "tables.delete": (NOBODY,),
    "tables.create_instance": (NOBODY,), "tables.update_instance": (NOBODY, True), "tables.delete_instance": (NOBODY,),
    "services.find_by_organization_project_and_name": ("ada", "nothing", "s"), "services.create": ("ada", "nothing", "s"), "services.update": ("ada", "nothing", "s"),
    "services.update_permissions_for_table": (NOBODY, NOBODY, True, True), "services.delete": (NOBODY,), "services.issue_secret": (NOBODY, "x"),
    "services.list_secrets": (NOBODY,), "secrets.revoke_service_secret": (NOBODY,), "users.update_permissions_for_project": (NOBODY, NOBODY, True, True, True),
    "users.update_permissions_for_organization": (NOBODY, NOBODY, True, True, True), "users.get_usage": (NOBODY,), "users.get_auth_ticket": (NOBODY,),
}


@pytest.mark.parametrize("operation", ABSENT)
async def test_what_is_not_there_is_not_found(server, operation):
    """Before rights are looked at: bob has none anywhere. An id of another form is refused too."""
    part, name = operation.split(".")
    for who in ("bob", "root"):
        await refused(getattr(getattr(beneath.Client(secret=SECRETS[who]).admin, part), name)(*ABSENT[operation]), " not found")
    if NOBODY in ABSENT[operation]:
        for wrong in ("not-a-uuid", "", NOBODY[:-1], NOBODY + "0"):
            args = [wrong if a == NOBODY else a for a in ABSENT[operation]]
            await refused(getattr(getattr(beneath.Client(secret=SECRETS["root"]).admin, part), name)(*args), "UUID")


@pytest.mark.parametrize("name", ["9x", "a b", "é", "a.b", "x" * 129, "", "a/b"])
async def test_names_that_are_refused(server, project, name):
    ada, root = beneath.Client(secret=SECRETS["ada"]).admin, beneath.Client(secret=SECRETS["root"]).admin
    organization, project_name = project.split("/")
    await refused(root.organizations.create(name), "name")
    mine = (await ada.organizations.find_me())["organizationID"]
    await refused(ada.projects.create(mine, name), "name")
    await refused(ada.services.create(organization, project_name, name), "name")
    await refused(ada.tables.create(organization, project_name, name, "GraphQL", SCHEMA), "name")


async def test_names_that_are_reserved_or_long(server):
    root = beneath.Client(secret=SECRETS["root"]).admin
    for name in """admin api auth billing console control data docs documentation ee enterprise explore gateway gql graphql health healthz instance
            instances internal master ops organization organizations permissions platform project projects redirects secret secrets stream streams
            table tables terminal user username users""".split():
        await refused(root.organizations.create(name), "reserved")
    long = await root.organizations.create("L" + "o" * 126 + "-")
    assert long["name"] == "l" + "o" * 126 + "_"
    assert (await root.organizations.find_by_name("L" + "O" * 126 + "-"))["organizationID"] == long["organizationID"]


async def test_secrets_of_users(server):
    issue = 'mutation { issueUserSecret(description: "mine", readOnly: false, publicOnly: false) { token secret { userSecretID prefix } } }'
    made = (await beneath.Client(secret=SECRETS["ada"]).connection.query_control(variables={}, query=issue))["issueUserSecret"]
    assert tag_of(made["token"]) == 0x81 and made["token"][:4] == made["secret"]["prefix"]
    assert (await beneath.Client(secret=made["token"]).admin.organizations.find_me())["name"] == "ada"


async def test_organizations_rules(server):
    root, ada, bob = admin("root").organizations, admin("ada").organizations, admin("bob").organizations
    users = admin("root").users
    made = await root.create(f"ops_{next(counter)}")
    id_, people = made["organizationID"], {n: (await admin(n).organizations.find_me()) for n in ("root", "ada", "bob")}
    ids = {n: p["personalUserID"] for n, p in people.items()}
    await refused(root.create(made["name"].upper()), "already taken")
    await refused(root.update_details(id_, "ada", None, None, None), "already taken")
    await refused(root.update_details(id_, "9x", None, None, None), "name")
    # Personal organizations have one member, whose rights stay.
    mine = people["root"]["organizationID"]
    await refused(root.invite_user(mine, ids["ada"], True, True, True), "personal")
    await refused(users.update_permissions_for_organization(ids["ada"], mine, True, None, None), "personal")
    await refused(root.update_user_quota(ids["root"], 1, 1, 1), "own organization")
    await refused(root.leave(ids["root"]), "own organization")
    # Accepting moves the billing and drops quotas; the invitation is used up then.
    await root.invite_user(id_, ids["ada"], True, False, False)
    await root.invite_user(id_, ids["ada"], True, True, False)  # the later one holds
    await ada.accept_invite(id_)
    await refused(ada.accept_invite(id_), " not found")
    members = {m["name"]: (m["view"], m["create"], m["admin"]) for m in await ada.get_member_permissions(id_)}
    assert members == {"root": (True,) * 3, "ada": (True, True, False)}
    await root.update_user_quota(ids["ada"], 7, None, None)
    other = await root.create(f"ops_{next(counter)}")
    await root.invite_user(other["organizationID"], ids["ada"], True, False, True)
    await ada.accept_invite(other["organizationID"])
    me = await ada.find_me()
    assert me["personalUser"]["billingOrganizationID"] == other["organizationID"] and me["personalUser"]["readQuota"] is None
    # Rights that all end take the member out of the list; the last administrator stays.
    await users.update_permissions_for_organization(ids["ada"], id_, False, False, None)
    assert [m["name"] for m in await root.get_member_permissions(id_)] == ["root"]
    await refused(users.update_permissions_for_organization(ids["root"], id_, None, None, False), "last admin")
    await users.update_permissions_for_organization(ids["root"], other["organizationID"], None, None, False)
    await refused(ada.leave(ids["ada"]), "last admin")
    await refused(bob.leave(ids["ada"]), "ot allowed")
    await users.update_permissions_for_organization(ids["bob"], id_, True, None, True)
    await admin("ada").users.update_permissions_for_organization(ids["bob"], other["organizationID"], None, None, True)
    left = await bob.leave(ids["ada"])  # as an administrator of what it is billed to
    assert left["billingOrganizationID"] == people["ada"]["organizationID"]
    # A right counts for the next call.
    await refused(ada.get_member_permissions(id_), "ot allowed")
    await users.update_permissions_for_organization(ids["ada"], id_, True, None, None)
    await ada.get_member_permissions(id_)


async def test_tables_rules(client, project):
    tables, words = client.admin.tables, dict(zip(("organization_name", "project_name"), project.split("/")))
    make = lambda name, **changes: tables.create(**{**words, "table_name": name, "schema_kind": "GraphQL", "schema": SCHEMA, **changes})  # noqa: E731
    for changes, text in ((dict(use_log=False), "useLog"), (dict(log_retention_seconds=-1), "logRetentionSeconds"),
                          (dict(use_index=False, index_retention_seconds=5), "indexRetentionSeconds"),
                          (dict(use_warehouse=False, warehouse_retention_seconds=5), "warehouseRetentionSeconds"),
                          (dict(schema="type T { k: Int }"), "Error creating table"), (dict(indexes="[]"), "Error creating table"),
                          (dict(indexes='[{"fields":["v"],"key":true}]'), "Error creating table"), (dict(schema_kind="Avro"), "Error creating table")):
        await refused(make("wrong", **changes), text)
    table = await make("t", use_index=False, log_retention_seconds=7)
    plain = {k: table[k] for k in ("meta", "allowManualWrites", "useLog", "useIndex", "useWarehouse", "indexRetentionSeconds")}
    assert plain == dict(meta=False, allowManualWrites=False, useLog=True, useIndex=False, useWarehouse=True, indexRetentionSeconds=0)
    same = dict(use_index=False, log_retention_seconds=7)
    await refused(make("t", **same), "already exists")
    # What differs, or is not said again, is refused by the name of the input field, and nothing changes.
    for changes, field in ((dict(log_retention_seconds=7), "useIndex"), (dict(use_index=True, log_retention_seconds=7), "useIndex"), (dict(use_index=False), "logRetentionSeconds"),
                           ({**same, "log_retention_seconds": 8}, "logRetentionSeconds"), ({**same, "use_warehouse": False}, "useWarehouse"),
                           ({**same, "use_log": False}, "useLog"), ({**same, "warehouse_retention_seconds": 1}, "warehouseRetentionSeconds"),
                           ({**same, "index_retention_seconds": 1}, "indexRetentionSeconds")):
        await refused(make("t", update_if_exists=True, **changes), f"Cannot update {field} on existing table")
    for schema, kind in (("type T @schema { k: String! @key }", "GraphQL"), ("type T @schema { k: String! @key, v: Int! }", "GraphQL"),
                         ("type U @schema { k: String! @key, v: Int }", "GraphQL"), ("type T @schema { v: Int, k: String! @key }", "GraphQL"), ("type T {", "GraphQL")):
        await refused(make("t", schema=schema, schema_kind=kind, update_if_exists=True, **same), "Schema error:")
    assert {k: v for k, v in (await tables.find_by_id(table["tableID"])).items() if k != "updatedOn"} == {k: v for k, v in table.items() if k != "updatedOn"}
    # The same schema in other words, and in the other language.
    changed = await make("t", schema='"new" type T @schema { "the key" k: String! @key v: Int64 }', meta=True, allow_manual_writes=True, update_if_exists=True, **same)
    assert changed["description"] == "new" and changed["meta"] and changed["allowManualWrites"] and json.loads(changed["avroSchema"])["fields"][0]["doc"] == "the key"
    changed = await make("t", schema=table["avroSchema"], schema_kind="Avro", indexes='[{"fields":["k"],"key":true}]', update_if_exists=True, **same)
    assert changed["schemaKind"] == "Avro" and changed["meta"] and changed["tableID"] == table["tableID"]
    await refused(make("t", schema=table["avroSchema"], schema_kind="Avro", indexes='[{"fields":["v"],"key":true}]', update_if_exists=True, **same), "Schema error:")
    # Versions.
    id_ = table["tableID"]
    await refused(tables.create_instance(id_, version=0), "already exists")
    await refused(tables.create_instance(id_, version=-1), "version")
    await refused(tables.create_instance(id_, update_if_exists=True), "version")
    first = await tables.create_instance(id_, version=5, make_primary=True, update_if_exists=True)
    again = await tables.create_instance(id_, version=5, make_primary=True, update_if_exists=True)
    assert again["tableInstanceID"] == first["tableInstanceID"] and again["madePrimaryOn"] >= first["madePrimaryOn"]
    counts = lambda t: [t[f"instances{w}Count"] for w in ("Created", "Deleted", "MadeFinal", "MadePrimary")]  # noqa: E731
    assert counts(await tables.find_by_id(id_)) == [2, 0, 0, 2]
    await tables.update_instance(first["tableInstanceID"], make_final=True)
    await tables.update_instance(first["tableInstanceID"], make_final=True, make_primary=True)
    zero = await tables.find_instance(id_, 0)
    await tables.update_instance(zero["tableInstanceID"], make_primary=True)
    found = await tables.find_by_id(id_)
    assert counts(found) == [2, 0, 1, 2] and found["primaryTableInstance"]["version"] == 0
    await tables.delete_instance(first["tableInstanceID"])
    await refused(tables.delete_instance(first["tableInstanceID"]), " not found")
    await refused(tables.find_instance(id_, 5), " not found")
    assert (await tables.create_instance(id_))["version"] == 6
    for _ in range(23):
        await tables.create_instance(id_)
    await refused(tables.create_instance(id_), "25")
    assert counts(await tables.find_by_id(id_)) == [26, 1, 1, 2] and len(await tables.find_instances(id_)) == 25


async def post(body, **headers):
    headers = {"Authorization": "Bearer " + SECRETS["ada"], "Content-Type": "application/json", **headers}
    async with aiohttp.ClientSession() as session, session.post(config.BENEATH_CONTROL_HOST + "/graphql", data=body, headers=headers) as answer:
        return answer, json.loads(await answer.text())


async def asks(query, variables=None):
    answer, reply = await post(json.dumps({"query": query, "variables": variables or {}}))
    return answer.status, reply


async def test_what_goes_over_the_wire(server):
    answer, reply = await post('{"query": "{ me { name } }"}')
    assert answer.status == 200 and reply == {"data": {"me": {"name": "ada"}}} and answer.headers["Content-Type"].startswith("application/json")
    # A connection a call: it ends when the answer is there.
    host, port = server.http.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"query": "{ ping }"}'
    writer.write(b"POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    text = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert text.startswith(b"HTTP/1.1 200") and text.endswith(b'{"data":{"ping":"pong"}}')
    # Refusals by an operation.
    status, reply = await asks('{ organizationByName(name: "nobody_here") { name } }')
    assert status == 200 and reply["data"] is None and reply["errors"][0]["path"] == ["organizationByName"] and " not found" in reply["errors"][0]["message"]
    for query in ('{ tableByID(tableID: "x") { name } }', '{ getUserUsage(userID: "' + NOBODY + '", period: "M", from: "yesterday") { time } }'):
        status, reply = await asks(query)
        assert status == 200 and reply["data"] is None and len(reply["errors"][0]["path"]) == 1, query
    # Bad documents.
    for query, variables in (("{", {}), ("{ nothing }", {}), ("{ me { nothing } }", {}), ("{ me }", {}), ("{ ping { x } }", {}), ("{ organizationByName { name } }", {}),
                             ("query Q($n: String!) { organizationByName(name: $n) { name } }", {}), ("query Q($n: String!) { organizationByName(name: $n) { name } }", {"n": 5}),
                             ("query Q($n: Int!) { organizationByName(name: $n) { name } }", {"n": 5}), ("query Q($n: Thing) { ping }", {}), ("{ organizationByName(name: $n) { name } }", {}),
                             ("{ organizationByName(name: 5) { name } }", {}), ("{ organizationByName(name: \"a\", x: 1) { name } }", {}), ("query A { ping } query B { ping }", {}),
                             ("subscription { ping }", {}), ("mutation { ping }", {}), ("query { ... on Thing { ping } }", {}), ("", {})):
        status, reply = await asks(query, variables)
        assert status == 422 and reply["data"] is None and reply["errors"][0]["message"], (query, status, reply)
    # White space, commas, comments, literals, fragments with a type, null as absence.
    odd = '\ufeff#!\nquery,Q\r\n(,$n:String!,\n$p:Boolean,)\t{#x\n a:organizationByName(name:$n){name ... on PrivateOrganization{readUsage}... on PublicOrganization{photoURL}}}'
    status, reply = await asks(odd, {"n": "ADA", "p": None})
    assert status == 200 and set(reply["data"]["a"]) == {"name", "readUsage"}, reply
    status, reply = await asks('{ organizationByName(name: """ada""") { __typename name } }')
    assert reply["data"]["organizationByName"]["__typename"] == "PrivateOrganization"
    # 64 bits, in and out.
    mine = (await asks("{ me { organizationID } }"))[1]["data"]["me"]["organizationID"]
    root = {"Authorization": "Bearer " + SECRETS["root"]}
    for value in (2**62, 2**31, 0):
        query = f'mutation {{ updateOrganizationQuotas(organizationID: "{mine}", readQuota: {value}) {{ readQuota writeQuota }} }}'
        answer, reply = await post(json.dumps({"query": query}), **root)
        assert reply["data"]["updateOrganizationQuotas"] == {"readQuota": value, "writeQuota": None}
    query = 'mutation U($o: UUID!, $r: Int, $w: Int) { updateOrganizationQuotas(organizationID: $o, readQuota: $r, writeQuota: $w) { readQuota writeQuota } }'
    answer, reply = await post(json.dumps({"query": query, "variables": {"o": mine.replace("-", ""), "r": None, "w": None}}), **root)
    assert reply["data"]["updateOrganizationQuotas"] == {"readQuota": None, "writeQuota": None}
    status, reply = await asks(f'mutation {{ updateOrganizationQuotas(organizationID: "{mine}", readQuota: {2**64}) {{ readQuota }} }}')
    assert status == 422


async def test_secrets_over_http(server):
    for header, status in (("", 200), ("Bearer " + SECRETS["ada"], 200), ("bearer " + SECRETS["ada"], 200), ("Bearer unknown-secret", 400), ("Bearer short", 400), ("Basic eHg=", 400),
                           (SECRETS["ada"], 400)):
        async with aiohttp.ClientSession() as session, session.post(config.BENEATH_CONTROL_HOST + "/graphql", data='{"query": "{ ping }"}',
                                                                    headers={"Authorization": header} if header else {}) as answer:
            text = await answer.text()
            assert answer.status == status and (status == 200 or text.startswith("authentication error")), (header, answer.status, text)


async def test_every_instant_and_id_is_of_its_form(client, project):
    table = await client.create_table(f"{project}/t", SCHEMA)
    me = await client.admin.organizations.find_me()
    for text in ("2021-03-04T05:06:07Z", "2021-03-04T05:06:07.1Z", "2021-03-04T05:06:07.123456789123Z", "2021-03-04T05:06:07+02:00", "2021-03-04t05:06:07.5-11:30"):
        status, reply = await asks("query Q($u: UUID!, $f: Time!) { getUserUsage(userID: $u, period: \"M\", from: $f) { time } }", {"u": me["personalUserID"], "f": text})
        assert status == 200 and "errors" not in reply, text
    for text in ("2021-03-04", "2021-03-04T05:06:07", "04.03.2021", "2021-02-30T00:00:00Z", "2021-03-04T25:00:00Z", ""):
        status, reply = await asks("query Q($u: UUID!, $f: Time!) { getUserUsage(userID: $u, period: \"M\", from: $f) { time } }", {"u": me["personalUserID"], "f": text})
        assert status == 200 and "time" in reply["errors"][0]["message"], text
    assert uuid.UUID(str(table.table_id)).version == 8
    made = datetime.datetime.fromisoformat(me["createdOn"].replace("Z", "+00:00"))
    assert abs((datetime.datetime.now(datetime.timezone.utc) - made).total_seconds()) < 3600


def test_every_operation_was_used():
    inner = beneath.Client(secret=SECRETS["ada"]).admin
    classes = [type(getattr(inner, part)) for part in ("organizations", "projects", "secrets", "services", "tables", "users")]
    assert missing(classes) == []
