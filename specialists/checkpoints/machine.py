"""What this machine offers to models: graphics processors, and whether torch can use them."""

from __future__ import annotations

import shutil
import subprocess

SECONDS = 20  # that a driver may take to answer; ours


def driver_gpus() -> list[str]:
    """The NVIDIA GPUs that the driver knows of, by name; none where there is no driver or it does not answer."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    ask = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def torch_gpus() -> list[str]:
    """The GPUs that torch sees, by name and memory."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    each = [torch.cuda.get_device_properties(index) for index in range(count)]
    return [f"{one.name}, {one.total_memory / 1e9:.0f} GB" for one in each]


def torch_build() -> str:
    """torch's version and what it was built for."""
    import torch

    built = torch.version.cuda or torch.version.hip
    return f"{torch.__version__}, built for {f'GPUs ({built})' if built else 'the CPU alone'}"
