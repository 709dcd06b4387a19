"""`demo load` and `demo credentials`."""

import json
import os
from pathlib import Path


def main(words):
    file = Path(os.environ["CRM_HOME"], "demo-credentials.json")
    file.write_text(json.dumps({"base_url": os.environ["CRM_BASE_URL"]}))
    file.chmod(0o600)
