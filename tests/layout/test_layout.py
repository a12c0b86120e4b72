"""The rooms look at each other only as the table allows.

Goal: an include that points the wrong way, or a third-party header outside the room that owns it, is found
when it is written. Method: read the table from src/firth/CMakeLists.txt, the same lines that the build links
by, and every #include under src/, tests/, sim/ and bench/. Needs nothing but Python.
"""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ROOT / "src" / "firth"

# Headers that may be included only in these rooms: the part is a decision of that room, which the others
# should be able to stay ignorant of.
OWNED_HEADERS = {
    r"rocksdb/": {"keyview"},
    r"duckdb\.h": {"query"},
    r"sqlite3": {"catalog"},
    r"boost/": {"net", "doors"},
    r"sodium": {"access"},
    r"zip\.h": {"format"},
    r"parquet/": {"format", "lakeview", "query"},
    r"grpc(pp|\+\+)?/": {"net", "doors", "server", "cli"},
    r"google/protobuf/": {"net", "doors", "server", "cli"},
    r"\S+\.pb\.h": {"net", "doors", "cli"},
    r"prometheus/": {"net", "server"},
    r"toml\+\+/": {"server", "common"},
    r"CLI/": {"cli"},
    r"netinet/|arpa/inet\.h": {"net"},
    r"sys/socket\.h": {"net", "format"},  # format: an unnamed pair, to a child of this process
}
# A test may speak to its room over a plain socket.
FREE_IN_TESTS = re.compile(r"sys/socket\.h|netinet/|arpa/inet\.h|boost/|grpc")

# Rooms that exist for tests, and may be seen from every test.
TEST_ROOMS = {"testing"}

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def read_table():
    """Return room -> the rooms that it may see, from the firth_room(…) lines; `doors/${door}` is expanded by the loop
    that surrounds it."""
    text = (ROOMS / "CMakeLists.txt").read_text()
    text = re.sub(r"#.*", "", text)

    def expand(match):
        names, body = match.group(2).split(), match.group(3)
        return "".join(body.replace("${" + match.group(1) + "}", name) for name in names)

    text = re.sub(r"foreach\((\w+) ([^)]*)\)(.*?)endforeach\(\)", expand, text, flags=re.S)
    table = {}
    for words in re.findall(r"firth_room\(([^)]*)\)", text):
        name, *rest = words.split()
        table[name] = set(rest[rest.index("SEES") + 1 : rest.index("USES")]) if "SEES" in rest else set()
    return table


def room_of(path):
    """`firth/log/journal.h` -> log, `firth/doors/fluss/door.h` -> doors/fluss."""
    parts = pathlib.PurePosixPath(path).parts[1:]
    return "/".join(parts[:2]) if parts[0] == "doors" else parts[0]


def sources():
    for folder in (ROOT / "src", ROOT / "tests", ROOT / "sim", ROOT / "bench"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".cc", ".h"):
                yield path


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def own_room(path):
    """The room that a file lies in, or None for what lies outside the rooms."""
    if ROOMS not in path.parents:
        return None
    return room_of("firth/" + path.relative_to(ROOMS).as_posix())


class Layout(unittest.TestCase):
    def setUp(self):
        self.table = read_table()

    def report(self, wrong):
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_table_lists_every_room(self):
        folders = {path.name for path in ROOMS.iterdir() if path.is_dir()} - {"doors"}
        if (ROOMS / "doors").is_dir():
            folders |= {"doors/" + path.name for path in (ROOMS / "doors").iterdir() if path.is_dir()}
        self.assertEqual(folders - set(self.table), set(), "folders that the room table does not have")

    def test_table_names_only_rooms(self):
        for room, seen in self.table.items():
            self.assertEqual(seen - set(self.table), set(), f"{room} sees rooms that do not exist")

    def test_table_is_complete(self):
        # What a room sees, it sees with all that those rooms see, except that a door need not see the
        # insides of what it is built on.
        for room, seen in self.table.items():
            if room.startswith("doors/"):
                continue
            for other in seen:
                missing = self.table[other] - seen
                self.assertEqual(missing, set(), f"{room} sees {other} but not what {other} is built on")

    def test_table_has_no_circle(self):
        left = {room: set(seen) for room, seen in self.table.items()}
        while left:
            free = {room for room, seen in left.items() if not seen & set(left)}
            self.assertTrue(free, f"these rooms see each other in a circle: {sorted(left)}")
            left = {room: seen for room, seen in left.items() if room not in free}

    def test_doors_and_views_know_no_sibling(self):
        views = {"keyview", "timeview", "lakeview"}
        for room, seen in self.table.items():
            if room in views:
                self.assertFalse(seen & views, f"{room} sees another view")
            if room.startswith("doors/"):
                self.assertFalse([other for other in seen if other.startswith("doors/")], f"{room} sees a door")

    def test_rooms_include_only_what_they_see(self):
        wrong = []
        for path in sources():
            room = own_room(path)
            for number, header in includes(path):
                where = f"{path.relative_to(ROOT)}:{number}"
                if header.startswith("src/firth/") or "../" in header:
                    wrong.append(f'{where}: includes "{header}"; write it as "firth/<room>/<file>.h"')
                if not header.startswith("firth/"):
                    continue
                other = room_of(header)
                if other not in self.table:
                    wrong.append(f"{where}: there is no room {other}")
                    continue
                if room is None or other == room:
                    continue
                is_test = path.name.endswith("_test.cc")
                if other in TEST_ROOMS and (is_test or room in TEST_ROOMS):
                    continue
                if other not in self.table.get(room, set()):
                    wrong.append(f"{where}: {room} may not see {other}")
        self.report(wrong)

    def test_parts_stay_in_their_rooms(self):
        wrong = []
        for path in sources():
            room = own_room(path)
            if room is None:
                continue
            for number, header in includes(path):
                if header.startswith("firth/"):
                    continue
                if path.name.endswith("_test.cc") and FREE_IN_TESTS.match(header):
                    continue
                for pattern, owners in OWNED_HEADERS.items():
                    if re.match(rf"(?:{pattern})", header) and room.split("/")[0] not in owners:
                        names = ", ".join(sorted(owners))
                        wrong.append(
                            f"{path.relative_to(ROOT)}:{number}: {room} includes {header}, which belongs to {names}")
        self.report(wrong)

    def test_generated_protocol_headers_stay_in_their_door(self):
        # door.h is what others see of a door; its other headers are its own.
        wrong = [
            f"{path.relative_to(ROOT)}:{number}: {header}"
            for path in sources() if path.suffix == ".h" and own_room(path)
            and (path.name == "door.h" or not own_room(path).startswith("doors/"))
            for number, header in includes(path) if header.endswith(".pb.h")
        ]
        self.report(wrong)


if __name__ == "__main__":
    unittest.main()
