"""The product's worker with a provider of text messages that honours references: the file is the
provider's memory, in which an id stands once, however often it is written."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from crm.cli import main
from crm.messages import channels
from crm.messages.channels.provider import Accepted, Outcome, Outgoing


class File:
    """Takes a message by a line in a file, slowly."""

    name, batch = "file", 20
    honours_references: ClassVar[bool] = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, batch: Sequence[Outgoing], *, seconds: float) -> Sequence[Outcome]:
        for one in batch:
            time.sleep(0.004)
            with self.path.open("a") as file:
                file.write(f"{one.id}\n")
        return [Accepted(str(one.id)) for one in batch]

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        return {}


if __name__ == "__main__":
    channels.register("sms", lambda settings: File(Path(os.environ["SMS_FILE"])))
    main()
