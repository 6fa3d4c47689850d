"""A worker process that stands still ends itself; one that wants too much is refused, not served."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

LINUX_ONLY = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")


def python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_call_that_holds_the_interpreter_lock_ends_the_process_and_says_where() -> None:
    done = python(
        "import asyncio, re\n"
        "from agents import limits\n"
        "async def main():\n"
        "    async with limits.pulse(0.5):\n"
        "        await asyncio.sleep(0)\n"
        "        re.match(r'(a+)+$', 'a' * 60 + 'b')\n"
        "asyncio.run(main())\n"
    )
    assert done.returncode == 1
    assert "Timeout (0:00:00.5" in done.stderr
    assert "in main" in done.stderr


@LINUX_ONLY
def test_without_memory_for_the_watch_the_kernel_ends_what_stands_still() -> None:
    done = python(
        "import asyncio, re\n"
        "from agents import limits\n"
        "async def main():\n"
        "    limits.limit_memory(1)\n"
        "    async with limits.pulse(0.5):\n"
        "        await asyncio.sleep(0)\n"
        "        re.match(r'(a+)+$', 'a' * 60 + 'b')\n"
        "asyncio.run(main())\n"
    )
    assert done.returncode == -signal.SIGALRM
    assert "will not say where" in done.stderr


def test_a_loop_that_turns_is_left_alone_and_so_is_the_process_afterwards() -> None:
    done = python(
        "import asyncio, time\n"
        "from agents import limits\n"
        "async def main():\n"
        "    async with limits.pulse(0.8):\n"
        "        await asyncio.sleep(1.2)\n"
        "asyncio.run(main())\n"
        "time.sleep(1.2)\n"
        "print('alive')\n"
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


@LINUX_ONLY
def test_memory_beyond_the_limit_is_an_error_that_can_be_caught() -> None:
    done = python(
        "from agents import limits\n"
        "limits.limit_memory(64)\n"
        "try:\n"
        "    bytes(200_000_000)\n"
        "except MemoryError:\n"
        "    print('refused')\n"
        "print(len(bytes(20_000_000)))\n"
    )
    assert done.stdout == "refused\n20000000\n", done.stderr


@LINUX_ONLY
def test_the_kernel_is_asked_to_take_a_worker_first() -> None:
    done = python(
        "from agents import limits\n"
        "limits.go_first_when_memory_ends()\n"
        "print(open('/proc/self/oom_score_adj').read().strip())\n"
    )
    assert done.stdout == "500\n"
