"""An MQTT edge agent that finds faces at the door, for Home Assistant and any MQTT client."""

__version__ = "0.1.0"
