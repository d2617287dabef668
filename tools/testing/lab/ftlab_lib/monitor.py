# SPDX-License-Identifier: GPL-2.0-only
"""The emulator's monitor (QMP)."""

import asyncio
import json

from .errors import LabError


async def execute(path, command, arguments=None, timeout=10):
    """Runs one QMP command and returns its result."""
    async def talk():
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            await reader.readline()  # greeting
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments or {}}):
                writer.write(json.dumps(request).encode() + b"\n")
                reply = {}
                while "return" not in reply and "error" not in reply:
                    line = await reader.readline()
                    if not line:
                        raise LabError(f"the emulator went away during {command}")
                    reply = json.loads(line)
                if "error" in reply:
                    raise LabError(f"{command}: {reply['error'].get('desc')}")
            return reply["return"]
        finally:
            writer.close()
    try:
        return await asyncio.wait_for(talk(), timeout)
    except asyncio.TimeoutError:
        raise LabError(f"the emulator does not answer {command}") from None
    except OSError as error:
        raise LabError(f"the emulator's monitor: {error.strerror}") from None
