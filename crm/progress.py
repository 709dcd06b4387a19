"""Progress of long work on a terminal; plain lines where there is none."""

import sys
import time


class Progress:
    """Call it with (step, done, of all). A bar on terminals, a line per tenth elsewhere."""

    WIDTH = 32

    def __init__(self) -> None:
        self.step = ""
        self.started = 0.0
        self.shown = -1
        self.live = sys.stderr.isatty()

    def __call__(self, step: str, done: int, total: int) -> None:
        if step != self.step:
            self.end()
            self.step, self.started, self.shown = step, time.monotonic(), -1
        tenth = 10 * done // max(total, 1)
        if not self.live and tenth == self.shown:
            return
        self.shown = tenth
        seconds = time.monotonic() - self.started
        filled = self.WIDTH * done // max(total, 1)
        bar = "█" * filled + "·" * (self.WIDTH - filled)
        line = f"  {step:<10} {bar} {done:>7,} of {total:,}  {seconds:5.1f} s"
        sys.stderr.write(f"\r{line}" if self.live else f"{line}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Finish the line of the step at hand."""
        if self.step and self.live:
            sys.stderr.write("\n")
        self.step = ""
