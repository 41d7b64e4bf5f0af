"""A first look without a broker, a camera or a doorbell: an embedded broker and a simulated door.

Both run in processes of their own and speak MQTT, as the real ones would; they end with the process that started
them. The parent loads neither the broker nor OpenCV.
"""

from edge_agent.demo.companions import EmbeddedBroker, SimulatedDoorbell, check_pictures
from edge_agent.demo.visitor_files import resolve_visitors

__all__ = ["EmbeddedBroker", "SimulatedDoorbell", "check_pictures", "resolve_visitors"]
