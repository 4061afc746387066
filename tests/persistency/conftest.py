"""An S3 server for the tests of saving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

S3_OPTIONS = {"key": "test", "secret": "s3cr3t-of-the-tests"}


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, Any]]:
    """Give the options of an S3 server on this machine, with the bucket `states`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        **S3_OPTIONS,
        "client_kwargs": {"endpoint_url": f"http://{host}:{port}"},
    }
    import s3fs

    s3fs.S3FileSystem(**options).mkdir("states")
    yield options
    server.stop()
