"""The company's MCP tools: one box per effect, every call checked before it leaves, every failure
classed. Workers hold a read-only box, the executor alone a write box.
"""

from agents.tools.schemas import ToolSchema, fingerprint
from agents.tools.toolbox import Toolbox

__all__ = ["ToolSchema", "Toolbox", "fingerprint"]
