"""Where the command line keeps tokens: one file in the user's config folder, for nobody else.

A token belongs to the cluster that gave it, so it is kept under the name by which the
cluster was reached, and never shown to another one. `RINGCHAT_TOKEN` in the environment
goes before the file, and is never written to it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ringchat_client.errors import FailedPrecondition

__all__ = ["Credentials", "Kept"]

FILE_BYTES_MAX = 1 << 20
TOKEN_VARIABLE = "RINGCHAT_TOKEN"  # noqa: S105 -- the name of a variable


@dataclass(frozen=True, slots=True)
class Kept:
    """One login."""

    account: str
    """Empty if the token came from the environment."""
    token: str


class Credentials:
    """The tokens of one user.

    Args:
        environment: read for RINGCHAT_TOKEN, XDG_CONFIG_HOME and HOME.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment_token = environment.get(TOKEN_VARIABLE, "")
        config = environment.get("XDG_CONFIG_HOME", "")
        # The specification: a relative path in the variable is to be ignored.
        home = environment.get("HOME", "")
        base = Path(config) if config.startswith("/") else Path(home or Path.home()) / ".config"
        self.path = base / "ringchat" / "credentials.json"

    def find(self, cluster: str) -> Kept | None:
        """The login at a cluster, if there is one. Raises FailedPrecondition on a bad file."""
        if self._environment_token:
            return Kept("", self._environment_token)
        return self._read().get(cluster)

    def keep(self, cluster: str, login: Kept) -> None:
        """Keep a login for the next command. Raises FailedPrecondition."""
        self._write({**self._read(), cluster: login})

    def forget(self, cluster: str) -> None:
        """Forget the login at a cluster, if there is one. Raises FailedPrecondition."""
        logins = self._read()
        if logins.pop(cluster, None) is not None:
            self._write(logins)

    def _read(self) -> dict[str, Kept]:
        try:
            with self.path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise FailedPrecondition(f"{self.path}: {error.strerror or error}") from None
        try:
            logins = json.loads(data[:FILE_BYTES_MAX])
            return {
                str(cluster): Kept(str(login["account"]), str(login["token"]))
                for cluster, login in logins.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            line = f"{self.path}: not a credentials file; delete it and log in again"
            raise FailedPrecondition(line) from None

    def _write(self, logins: dict[str, Kept]) -> None:
        """Replace the file in one step: a crash leaves the old one or the new one."""
        text = json.dumps({c: asdict(login) for c, login in logins.items()}, indent=2)
        beside = self.path.with_name(f".credentials.{secrets.token_hex(8)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # 0600 from the first instant on: never readable by others, not even half written.
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text + "\n")
                beside.replace(self.path)
            except OSError:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise FailedPrecondition(f"{self.path}: {error.strerror or error}") from None
