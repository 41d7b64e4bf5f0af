"""The HTTP server: a status page, Prometheus metrics, and two probes. It only reads."""
