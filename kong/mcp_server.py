"""An MCP server behind the gateway, with a tool that says as whom it was called. For trying out only.

python mcp_server.py --host 0.0.0.0 --port 8080 --answer-to tools:8080
"""

from __future__ import annotations

import argparse

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings

server = MCPServer("tools")


@server.tool()
def whoami(context: Context) -> dict[str, str]:
    """The header of the request that this call came with."""
    return dict(context.headers or {})


def main() -> None:
    """Serves /mcp until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--answer-to", action="append", required=True, help="a Host that requests may name")
    options = parser.parse_args()
    server.run(
        "streamable-http",
        host=options.host,
        port=options.port,
        stateless_http=True,
        transport_security=TransportSecuritySettings(allowed_hosts=options.answer_to),
    )


if __name__ == "__main__":
    main()
