"""What a run can train on, as torch sees it."""

from __future__ import annotations

from pathlib import Path

from labloom.health.findings import Finding, Section, in_gigabytes

NVIDIA_DEVICE = Path("/dev/nvidia0")


def look_at_accelerators() -> Section:
    """Every accelerator with its name and memory. Imports torch, which takes seconds."""
    try:
        import torch
    except Exception as error:  # noqa: BLE001 - a broken driver raises anything
        text = f"torch cannot be imported: {type(error).__name__}: {error}"
        fix = "pip install --force-reinstall torch"
        return Section(findings=[Finding(text.splitlines()[0], fix)])
    devices = [
        (f"cuda:{number}", _cuda_in_words(torch.cuda.get_device_properties(number)))
        for number in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        devices.append(("mps", "Apple GPU, shares the machine's memory"))
    built = f"{torch.__version__}, built for " + (
        f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    )
    rows = [("torch", built), *(devices or [("devices", "none: CPU only")])]
    return Section(rows, {"torch": str(torch.__version__), "devices": dict(devices)}, (), _idle())


def _cuda_in_words(properties: object) -> str:
    memory = in_gigabytes(properties.total_memory)
    return f"{properties.name}, {memory}"


def _idle() -> list[Finding]:
    """A GPU that is there and that torch cannot use."""
    import torch

    if torch.cuda.is_available() or not NVIDIA_DEVICE.exists():
        return []
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU only"
    return [
        Finding(
            f"there is an NVIDIA device, but torch ({built}) cannot use it",
            "look at CUDA_VISIBLE_DEVICES, and at whether nvidia-smi works with this torch",
            broken=False,
        )
    ]
