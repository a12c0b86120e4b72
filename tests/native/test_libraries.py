"""Which copy of a library the server runs.

Goal: Arrow's libraries carry whole libraries of others inside of them (OpenSSL, simdjson, Protobuf), and let the
process see their names. A program that was compiled with one version's headers must not run another's code.
Method: have the dynamic linker resolve everything at the start and say what it bound where.
"""

import os
import pathlib
import re
import subprocess

FIRTH = os.environ.get("FIRTH_BINARY", "firth")
BINDING = re.compile(r"binding file (\S+) \[0\] to (\S+) \[0\]: normal symbol `([^']+)'")
# Mangled names of what lies in these namespaces; and any name of C.
FOREIGN = re.compile(r"8simdjson|6google8protobuf|4absl|^(?!_Z)")


def of_arrow(path):
    return pathlib.Path(path).name.startswith(("libarrow", "libparquet"))


def test_nothing_of_others_is_taken_from_arrow(tmp_path):
    output = tmp_path / "bindings"
    environment = {**os.environ, "LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(output), "LD_BIND_NOW": "1"}
    subprocess.run([FIRTH, "version"], env=environment, check=True, stdout=subprocess.DEVNULL)
    bound = set()
    for log in tmp_path.glob("bindings.*"):
        bound |= set(BINDING.findall(log.read_text(errors="replace")))
    from_arrow = {(user, name) for user, library, name in bound if of_arrow(library) and not of_arrow(user)}
    assert any(name.startswith("_ZN5arrow") for _, name in from_arrow)
    assert not [entry for entry in sorted(from_arrow) if FOREIGN.search(entry[1])]
