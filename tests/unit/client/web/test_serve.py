"""Where it listens."""

from __future__ import annotations

import pytest

from ringchat_client.errors import FailedPrecondition
from ringchat_client.web.serve import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_an_address_that_cannot_be_had_is_one_line(host: str) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(FailedPrecondition, match=f"cannot listen on {host}:{port}"):
            listen(host, port)
