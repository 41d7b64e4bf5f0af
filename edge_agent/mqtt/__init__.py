"""The only place that knows paho-mqtt."""
