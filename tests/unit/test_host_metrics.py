"""Host metrics, read from files like the kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.platform.host_metrics import Clock, Host

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, **files: str) -> None:
    """Write files below a root folder; `__` in a name separates folders."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


def test_raspberry_pi_metrics_are_read(tmp_path: Path) -> None:
    throttled = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    throttled.parent.mkdir(parents=True)
    throttled.write_text("50005\n", encoding="ascii")
    write(
        tmp_path,
        sys__class__hwmon__hwmon0__name="cpu_thermal\n",
        sys__class__hwmon__hwmon0__temp1_input="61250\n",
        proc__meminfo="MemTotal:        8000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\n",
    )
    host = Host(tmp_path, tmp_path)
    seen = host.read(0.0, 1000.0)
    assert (seen.cpu_temperature_c, seen.throttled, seen.under_voltage) == (61.2, True, True)
    assert (seen.memory_total_bytes, seen.memory_free_bytes) == (8_192_000, 4_096_000)
    assert seen.memory_bytes > 1_000_000
    assert seen.disk_free_bytes
    write(tmp_path, sys__class__hwmon__hwmon1__name="rpi_volt", sys__class__hwmon__hwmon1__in0_lcrit_alarm="0")
    throttled.write_text("50008\n", encoding="ascii")
    later = host.read(10.0, 1010.0)
    assert (later.throttled, later.under_voltage) == (True, False)
    throttled.write_text("50000\n", encoding="ascii")
    assert host.read(20.0, 1020.0).throttled is False


def test_a_host_tells_whether_it_has_a_temperature_and_a_serial_number(tmp_path: Path) -> None:
    host = Host(tmp_path, tmp_path)
    assert (host.has_temperature(), host.serial_number()) == (False, "")
    write(tmp_path, sys__class__thermal__thermal_zone0__temp="45000", **{"proc__device-tree__serial-number": "10ab\0"})
    assert (host.has_temperature(), host.serial_number()) == (True, "10ab")


def test_missing_kernel_files_are_tolerated(tmp_path: Path) -> None:
    seen = Host(tmp_path / "not" / "yet", tmp_path).read(0.0, 0.0)
    assert (seen.cpu_temperature_c, seen.throttled, seen.under_voltage, seen.memory_free_bytes) == (None,) * 4
    assert seen.disk_free_bytes
    write(tmp_path, sys__class__thermal__thermal_zone0__temp="45000")
    assert Host(tmp_path, tmp_path).read(0.0, 0.0).cpu_temperature_c == 45.0


def test_a_clock_jump_is_detected() -> None:
    clock = Clock()
    for now, wall_s in ((0.0, 1000.0), (10.0, 1010.5), (20.0, 4620.0), (30.0, 4630.0)):
        clock.compare(now, wall_s)
    assert (clock.jumps, clock.last_jump_s) == (1, 3599.5)
