"""From an MQTT message to a frame or a press: routing, parsing, other publishers' topics. Pure."""
