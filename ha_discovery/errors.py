"""The one exception of this package."""


class DiscoveryError(ValueError):
    """Home Assistant would refuse this, log about it or show it wrongly; the message says where and why."""
