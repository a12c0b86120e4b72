"""Run in a client's environment: take calls, one JSON line each, and answer them. What the client itself prints goes to
standard error."""

import importlib
import json
import os
import sys
import traceback

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
driver = importlib.import_module("drive_" + sys.argv[1])
for line in sys.stdin:
    function, *words = json.loads(line)
    try:
        answer = {"result": getattr(driver, function)(*words)}
    except Exception as error:
        said = getattr(getattr(error, "response", None), "text", "")  # of the clients over HTTP
        answer = {"error": traceback.format_exc() + said}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
