"""The components that show a picture. Fields are called as Home Assistant calls the options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from ha_discovery.checks import check_one_of, check_optional_topic, check_topic_filter, refuse

if TYPE_CHECKING:
    from ha_discovery.entity import Entity

ImageEncoding = Literal["b64", "raw"]
CameraEncoding = Literal["b64"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: its bytes on `image_topic`, or its address on `url_topic`."""

    platform: ClassVar[str] = "image"

    entity: Entity
    image_topic: str | None = None
    content_type: str | None = None
    image_encoding: ImageEncoding | None = None
    url_topic: str | None = None
    url_template: str | None = None

    def __post_init__(self) -> None:
        """Refuse a picture with no source or two, and options of the other source."""
        key = self.entity.key
        self.entity.check(device_class=None, read_only=True)
        if (self.image_topic is None) == (self.url_topic is None):
            refuse(key, "an image needs image_topic or url_topic, and not both")
        check_optional_topic(f"{key}: image_topic", self.image_topic)
        check_optional_topic(f"{key}: url_topic", self.url_topic)
        check_one_of(f"{key}: image_encoding", self.image_encoding, get_args(ImageEncoding))
        if self.url_topic is not None and (self.content_type or self.image_encoding):
            refuse(key, "content_type and image_encoding go with image_topic")
        if self.image_topic is not None and self.url_template is not None:
            refuse(key, "url_template goes with url_topic")


@dataclass(frozen=True, slots=True)
class Camera:
    """The picture of a camera: its bytes on `topic`, which may have wildcards.

    HomeKit links a doorbell only to a camera of its device.
    """

    platform: ClassVar[str] = "camera"

    entity: Entity
    topic: str
    image_encoding: CameraEncoding | None = None

    def __post_init__(self) -> None:
        """Refuse a camera without a picture."""
        key = self.entity.key
        self.entity.check(device_class=None, read_only=True)
        check_topic_filter(f"{key}: topic", self.topic)
        check_one_of(f"{key}: image_encoding", self.image_encoding, get_args(CameraEncoding))
