"""`python -m crm.launcher`: start the product, look after it, stop it on Ctrl-C."""

import sys

from .keeper import keep
from .start import serve

if __name__ == "__main__":
    sys.exit(keep(serve))
