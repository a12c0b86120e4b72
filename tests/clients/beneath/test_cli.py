"""The client's command line: each command once, as a person would go through them."""

import asyncio
import json
import re
import sys
import webbrowser

import beneath
import pytest
from beneath import cli

from server import SECRETS

SCHEMA = "type T @schema { k: Int! @key, v: String }"


@pytest.fixture
def run(server, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BENEATH_SECRET", raising=False)

    async def call(*words):
        """What a command prints; its JSON, if it is that."""
        monkeypatch.setattr(sys, "argv", ["beneath", *words])
        await asyncio.to_thread(cli.main)
        out = capsys.readouterr().out
        assert "Error:" not in out, out
        return json.loads(out) if out.lstrip()[:1] in ("{", "[") else out

    return call


def commands():
    """Every command that there is."""
    def below(parser, path):
        groups = [a for a in parser._actions if hasattr(a, "choices") and isinstance(a.choices, dict)]
        return [name for group in groups for word, inner in group.choices.items() for name in below(inner, [*path, word])] or [" ".join(path)]

    return set(below(cli.create_argument_parser(), []))


async def test_each_command(run, project, tmp_path):
    used = set()

    async def do(command, *words):
        used.add(command)
        return await run(*command.split(), *words)

    assert "successfully" in await do("auth", "--secret", SECRETS["ada"])
    name = project.split("/")[1]
    me = await do("organization show", "ada")
    assert me["name"] == "ada" and me["personalUserID"]
    path = f"{project}-cli"
    made = await do("project create", path, "--display-name", "Made", "--public", "--description", "d", "--site-url", "s")
    assert made["name"] == f"{name}_cli" and made["public"] is True
    assert (await do("project update", path, "--public", "false"))["public"] is False
    assert path.replace("_", "-") in (await do("project list")).split()
    assert (await do("project show", path))["displayName"] == "Made"
    assert (await do("project update-permissions", path, "bob", "--view"))["view"] is True
    assert {m["name"] for m in await do("project show-members", path)} == {"ada", "bob"}
    file = tmp_path / "schema.graphql"
    file.write_text(SCHEMA)
    table = await do("table create", f"{path}/numbers", "--file", str(file), "--allow-manual-writes", "--log-retention", "100")
    assert "numbers" in json.dumps(table)
    assert "numbers" in await do("table list", path)
    assert "numbers" in json.dumps(await do("table show", f"{path}/numbers"))
    instance = await do("table instance create", f"{path}/numbers", "--version", "4", "--make-primary")
    assert instance["version"] == 4 and instance["madePrimaryOn"]
    assert (await do("table instance update", instance["tableInstanceID"], "--make-final"))["madeFinalOn"]
    assert [i["version"] for i in await do("table instance list", f"{path}/numbers")] == [4, 0]
    await do("table instance delete", instance["tableInstanceID"])
    service = await do("service create", f"{path}/reader", "--description", "reads", "--read-quota-mb", "5")
    assert service["readQuota"] == 5_000_000
    assert (await do("service update", f"{path}/reader", "--write-quota-mb", "7"))["writeQuota"] == 7_000_000
    assert "reader" in json.dumps(await do("service list", path))
    assert (await do("service update-permissions", f"{path}/reader", f"{path}/numbers", "--read"))["read"] is True
    secret = re.search(r"Secret: (\S+)", await do("service issue-secret", f"{path}/reader"))[1]
    await beneath.Client(secret=secret).find_table(f"{path}/numbers")
    [listed] = await do("service list-secrets", f"{path}/reader")
    assert listed["description"] == "Command-line issued secret"
    await do("service revoke-secret", listed["secretID"])
    with pytest.raises(Exception, match="authentication error"):
        await beneath.Client(secret=secret).connection.ensure_connected()
    await do("service delete", f"{path}/reader")
    await do("table delete", f"{path}/numbers")

    # Several people.
    await run("auth", "--secret", SECRETS["root"])
    organization = f"cli_{name}"
    await do("organization create", organization)
    assert (await do("organization update", organization, "--display-name", "A. B.", "--description", "counts"))["displayName"] == "A. B."
    await do("organization invite-member", organization, "ada", "--create", "true")
    await run("auth", "--secret", SECRETS["ada"])
    await do("organization accept-invite", organization)
    assert {m["name"] for m in await do("organization show-members", organization)} == {"ada", "root"}
    assert (await do("project transfer", path, organization))["organization"]["name"] == organization
    await do("project delete", f"{organization}/{name}_cli")
    await run("auth", "--secret", SECRETS["root"])
    assert (await do("organization update-member-quota", "ada", "--read-quota-mb", "1", "--write-quota-mb", "2", "--scan-quota-mb", "3"))["readQuota"] == 10**6
    for command in sorted(c for c in commands() - used if c.startswith("organization")):
        words = {"organization update-member-permissions": (organization, "ada", "--view"), "organization update-permissions": (organization, "ada", "--view"),
                 "organization update-quota": (organization, "--read-quota-mb", "1", "--write-quota-mb", "1", "--scan-quota-mb", "1"),
                 "organization remove-member": ("ada",)}.get(command)
        if words is not None:
            await do(command, *words)
    await run("organization", "invite-member", organization, "ada")
    await run("auth", "--secret", SECRETS["ada"])
    await run("organization", "accept-invite", organization)
    await do("organization leave")
    assert commands() - used == set()


async def test_signing_in_with_a_browser(run, monkeypatch):
    """The command waits for a ticket that somebody approves elsewhere."""
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url))
    opened = []
    task = asyncio.ensure_future(run("auth"))
    while not opened:
        await asyncio.sleep(0.1)
    ticket = opened[0].rsplit("/", 1)[1]
    await beneath.Client(secret=SECRETS["bob"]).connection.query_control(
        variables={"input": {"authTicketID": ticket, "approve": True}},
        query="mutation U($input: UpdateAuthTicketInput!) { updateAuthTicket(input: $input) { authTicketID } }")
    assert "successfully" in await asyncio.wait_for(task, 30)
    assert (await beneath.Client().admin.organizations.find_me())["name"] == "bob"
