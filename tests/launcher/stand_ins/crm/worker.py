"""A worker; its job in progress has a process group of its own and may be deaf to SIGTERM."""

import os
import subprocess
import sys

from . import serving

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main(words):
    if os.environ.get("CHILD") == "deaf":
        subprocess.Popen([sys.executable, "-c", DEAF], process_group=0)
    serving.main(words)
