"""The device classes of Home Assistant, with the units and state classes that each takes.

Source: Home Assistant 2026.11, `DEVICE_CLASS_UNITS` and `DEVICE_CLASS_STATE_CLASSES` of its sensor component, and the
device class enumerations of the others; `SUPPORTED_COMPONENTS` of its mqtt component.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ha_discovery.checks import check_one_of, refuse

StateClass = Literal["measurement", "measurement_angle", "total", "total_increasing"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a device class takes. `units` None: any; '' among them: it may go without."""

    units: frozenset[str] | None
    state_classes: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(state_classes: str, units: dict[str, str]) -> dict[str, Quantity]:
    takes = _words(state_classes)
    return {
        device_class: Quantity(frozenset(unit.strip() for unit in listed.split(",")), takes)
        for device_class, listed in units.items()
    }


_ENERGY: Final = "GJ, GWh, Gcal, J, MJ, MWh, Mcal, TWh, Wh, cal, kJ, kWh, kcal, mWh, thm"
_PRESSURE: Final = "Pa, atm, bar, cbar, hPa, inHg, inH₂O, kPa, mPa, mbar, mmHg, psi"
_VOLUME: Final = "CCF, L, MCF, fl. oz., ft³, gal, mL, m³"

QUANTITIES: Final[dict[str, Quantity]] = {
    **_table(
        "measurement",
        {
            "absolute_humidity": "g/m³, mg/m³",
            "apparent_power": "VA, kVA, mVA",
            "aqi": "",
            "atmospheric_pressure": _PRESSURE,
            "battery": "%",
            "blood_glucose_concentration": "mg/dL, mmol/L",
            "carbon_dioxide": "ppm",
            "carbon_monoxide": "mg/m³, ppb, ppm, μg/m³",
            "conductivity": "S/cm, mS/cm, μS/cm",
            "current": "A, mA, μA",
            "data_rate": "B/s, GB/s, Gbit/s, GiB/s, KiB/s, MB/s, Mbit/s, MiB/s, bit/s, kB/s, kbit/s",
            "energy_distance": "Wh/km, kWh/100km, km/kWh, mi/kWh",
            "energy_storage": _ENERGY,
            "frequency": "GHz, Hz, MHz, kHz, mHz",
            "humidity": "%",
            "illuminance": "lx",
            "irradiance": "BTU/(h⋅ft²), W/m²",
            "moisture": "%",
            "nitrogen_dioxide": "ppb, ppm, μg/m³",
            "nitrogen_monoxide": "ppb, μg/m³",
            "nitrous_oxide": "μg/m³",
            "ozone": "ppb, ppm, μg/m³",
            "ph": "",
            "pm1": "μg/m³",
            "pm10": "μg/m³",
            "pm25": "μg/m³",
            "pm4": "μg/m³",
            "power": "GW, MW, TW, W, kW, mW",
            "power_factor": "%,",
            "precipitation_intensity": "in/d, in/h, mm/d, mm/h",
            "pressure": _PRESSURE,
            "radon": "Bq/m³, pCi/L",
            "reactive_power": "kvar, mvar, var",
            "signal_strength": "dB, dBm",
            "sound_pressure": "dB, dBA",
            "speed": "Beaufort, ft/s, in/d, in/h, in/s, km/h, kn, m/min, m/s, mm/d, mm/h, mm/s, mph",
            "sulphur_dioxide": "ppb, μg/m³",
            "temperature": "K, °C, °F",
            "temperature_delta": "K, °C, °F",
            "volatile_organic_compounds": "mg/m³, μg/m³",
            "volatile_organic_compounds_parts": "ppb, ppm",
            "voltage": "MV, V, kV, mV, μV",
            "volume_flow_rate": "L/h, L/min, L/s, ft³/min, gal/d, gal/h, gal/min, mL/s, m³/h, m³/min, m³/s",
            "volume_storage": _VOLUME,
            "wind_speed": "Beaufort, ft/s, in/s, km/h, kn, m/min, m/s, mm/s, mph",
        },
    ),
    **_table(
        "total total_increasing",
        {
            "energy": _ENERGY,
            "gas": "CCF, L, MCF, ft³, m³",
            "reactive_energy": "kvarh, varh",
            "volume": _VOLUME,
            "water": "CCF, L, MCF, ft³, gal, m³",
        },
    ),
    **_table(
        "measurement measurement_angle total total_increasing",
        {
            "area": "ac, cm², ft², ha, in², km², mi², mm², m², yd²",
            "data_size": (
                "B, EB, EiB, GB, Gbit, GiB, KiB, MB, Mbit, MiB, PB, PiB, TB, TiB, YB, YiB, ZB, ZiB, bit, kB, kbit"
            ),
            "distance": "cm, ft, in, km, m, mi, mm, nmi, yd",
            "duration": "d, h, min, ms, s, μs",
            "precipitation": "cm, in, mm",
        },
    ),
    **_table("measurement total total_increasing", {"weight": "g, kg, lb, mg, oz, st, μg"}),
    **_table("measurement_angle", {"wind_direction": "°"}),
    "monetary": Quantity(None, frozenset({"total"})),
}

WORDS: Final = frozenset({"date", "enum", "timestamp", "uptime"})
"""Sensor classes whose states are no numbers."""

SENSOR_CLASSES: Final = WORDS | QUANTITIES.keys()
NUMBER_CLASSES: Final = frozenset(QUANTITIES)
PLATFORMS: Final = _words(
    """alarm_control_panel binary_sensor button camera climate cover date datetime device_automation device_tracker
    event fan humidifier image infrared lawn_mower light lock notify number scene select sensor siren switch tag text
    time update vacuum valve water_heater"""
)
"""What a component can be, of which this package builds a part; the others can still be removed."""

BINARY_SENSOR_CLASSES: Final = _words(
    """battery battery_charging carbon_monoxide cold connectivity door garage_door gas glass_break heat light lock
    moisture motion moving occupancy opening plug power presence problem running safety smoke sound tamper update
    vibration window"""
)
EVENT_CLASSES: Final = frozenset({"doorbell", "button", "motion"})
SWITCH_CLASSES: Final = frozenset({"outlet", "switch"})
BUTTON_CLASSES: Final = frozenset({"identify", "restart", "update"})
UPDATE_CLASSES: Final = frozenset({"firmware"})

MANY_THINGS: Final = frozenset({"%", "°", "dB", "ppm", "ppb", "g/m³", "mg/m³", "μg/m³", "mg/dL", "mmol/L"})
"""Units of ratios, angles and concentrations: they go without a device class, as they measure much that has none."""


def check_unit(where: str, device_class: str | None, unit: str | None) -> None:
    """Refuse a unit that does not go with the device class, and a unit of a known quantity without one."""
    if unit is not None:
        unit = unit.replace("\u00b5", "\u03bc")  # the micro sign and the Greek letter; Home Assistant takes both
    if device_class is None:
        _check_needs_no_class(where, unit)
    elif device_class in WORDS and unit is not None:
        refuse(where, f"device class {device_class!r} takes no unit, got {unit!r}")
    elif device_class in QUANTITIES:
        _check_fits(where, device_class, unit)


def check_state_class(where: str, device_class: str | None, state_class: str | None, unit: str | None) -> None:
    """Refuse a state class that the device class or the unit rules out."""
    if state_class is None:
        return
    if device_class in WORDS:
        refuse(where, f"device class {device_class!r} takes no state class, got {state_class!r}")
    if device_class in QUANTITIES:
        check_one_of(f"{where}: state class with {device_class!r}", state_class, QUANTITIES[device_class].state_classes)
    if state_class == "measurement_angle" and unit != "°":
        refuse(where, f"state class 'measurement_angle' takes the unit '°', got {unit!r}")


def _check_needs_no_class(where: str, unit: str | None) -> None:
    if unit is None or unit in MANY_THINGS:
        return
    fitting = sorted(name for name, quantity in QUANTITIES.items() if quantity.units and unit in quantity.units)
    if fitting:
        refuse(where, f"unit {unit!r} needs a device class: {' or '.join(fitting)}")


def _check_fits(where: str, device_class: str, unit: str | None) -> None:
    units = QUANTITIES[device_class].units
    if units is not None and (unit or "") not in units:
        expected = ", ".join(sorted(units - {""})) or "none"
        refuse(where, f"device class {device_class!r} takes the unit {expected}, got {unit!r}")
