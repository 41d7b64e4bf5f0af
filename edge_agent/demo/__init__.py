"""A demo without a broker or a camera: an embedded broker and a simulated doorbell.

Both run in their own processes and use MQTT, like real ones; they end with the process that started
them. The parent loads neither the broker nor OpenCV.
"""

from edge_agent.demo.companions import EmbeddedBroker, SimulatedDoorbell, check_pictures
from edge_agent.demo.visitor_files import resolve_visitors

__all__ = ["EmbeddedBroker", "SimulatedDoorbell", "check_pictures", "resolve_visitors"]
