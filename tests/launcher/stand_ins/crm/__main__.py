"""The commands that the launcher runs, doing just enough to see them run and end."""

import importlib
import os
import sys
import time

words = " ".join(sys.argv[1:])
if os.environ.get("SLOW") == words:
    sys.stdout.write("loading slowly\n")
    time.sleep(600)
importlib.import_module(f"crm.{sys.argv[1]}").main(words)
