"""What the set-up takes from a registry is what was meant.

Goal: a package without a version or a hash, and an installation that would not look at them, are found when they are
written. Method: read the requirements and the commands of tools/setup.sh. Needs nothing but Python.
"""

import pathlib
import re
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"

# A package, one version of it, and the hash of one or more of its files.
PINNED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+( --hash=sha256:[0-9a-f]{64})+")


def logical_lines(path):
    """The lines of a file, those that end with a backslash joined with the next, without comments and empty ones."""
    text = re.sub(r"\\\n\s*", "", path.read_text())
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


class Setup(unittest.TestCase):
    def test_every_package_of_python_is_pinned_by_version_and_hash(self):
        files = [path for path in (TOOLS / "requirements").glob("*.txt") if not path.name.startswith("apt-")]
        self.assertGreater(len(files), 8)
        for path in files:
            lines = logical_lines(path)
            self.assertTrue(lines, path.name)
            for line in lines:
                with self.subTest(file=path.name, line=line):
                    self.assertTrue(PINNED.fullmatch(line))

    def test_every_installation_asks_for_the_hashes(self):
        installs = [line for line in logical_lines(TOOLS / "setup.sh") if "pip install" in line]
        self.assertGreater(len(installs), 3)
        for line in installs:
            with self.subTest(line=line):
                self.assertIn("--require-hashes", line)
                self.assertIn("--no-deps", line)
                self.assertIn("--requirement", line)


if __name__ == "__main__":
    unittest.main()
