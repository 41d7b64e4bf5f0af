"""From an MQTT message to a frame or a press: routing, parsing, adapters for other publishers. Pure."""
