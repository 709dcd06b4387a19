"""HOST and PORT: where the product is served."""

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import CannotStart

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Address:
    """A host name or number, and a port."""

    host: str
    port: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Address":
        """From HOST and PORT; 127.0.0.1 and 8000 when they are not set."""
        port = environ.get("PORT") or "8000"
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CannotStart(f"PORT must be a number from 1 to 65535, not {port!r}")
        return cls(environ.get("HOST") or "127.0.0.1", int(port))

    @property
    def url(self) -> str:
        """For a browser on this machine."""
        host = _EVERYWHERE.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def require_free(self) -> None:
        """Raises `CannotStart` when another program listens there."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
                probe.listen()
            except OSError as error:
                raise CannotStart(
                    f"cannot listen on {self.host}:{self.port} ({error.strerror}). Choose another"
                    " port: PORT=8001 python3 dev.py run"
                ) from error

    def answers(self, path: str) -> bool:
        """Whether a GET of that path gives 200."""
        host = _EVERYWHERE.get(self.host, self.host)
        connection = http.client.HTTPConnection(host, self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
