"""A tool server that sums up its books as the file in `BOOKS` says, which may be nonsense."""

import json
import os
from pathlib import Path
from typing import Any

from mcp.server import MCPServer

server = MCPServer("books", version="1.0")


@server.tool()
def totals() -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(Path(os.environ["BOOKS"]).read_text())
    return answer


if __name__ == "__main__":
    server.run("stdio")
