"""What a reader of the page may do: the buttons, and the dialog that asks before an action. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.web.markup import Markup, tag


@dataclass(frozen=True, slots=True)
class Controls:
    """What this reader may do: nothing, or act, perhaps after giving the token."""

    key: str = ""
    needs_token: bool = False
    detection: dict[str, bool] = field(default_factory=dict)
    """Whether the detection of each doorbell is on;"""
    muted: dict[str, bool] = field(default_factory=dict)
    """and whether its notifications are muted."""

    @property
    def are_shown(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.key)


def doorbell_controls(doorbell: str, controls: Controls) -> Markup:
    """Return the buttons of a doorbell, if this reader may use them."""
    shown = (_detection(doorbell, controls), _mute(doorbell, controls)) if controls.are_shown else ()
    buttons = [each for each in shown if each]
    return tag("p", *buttons, class_="buttons") if buttons else Markup()


def _detection(doorbell: str, controls: Controls) -> Markup:
    is_on = controls.detection.get(doorbell)
    if is_on is None:
        return Markup()
    wanted = "off" if is_on else "on"
    question = f"Turn the detection of {doorbell} {wanted}?"
    return button(f"Turn detection {wanted}", f"doorbells/{doorbell}/detection/{wanted}", question)


def _mute(doorbell: str, controls: Controls) -> Markup:
    is_muted = controls.muted.get(doorbell)
    if is_muted is None:
        return Markup()
    if is_muted:
        return button("Unmute", f"doorbells/{doorbell}/mute/off", f"Let the notifications of {doorbell} alert again?")
    question = f"Mute the notifications of {doorbell} for an hour? Rings then arrive without a sound."
    return button("Mute for an hour", f"doorbells/{doorbell}/mute/on", question)


def dialog(controls: Controls) -> Markup:
    """Return the dialog that asks before an action; actions.js opens it."""
    if not controls.are_shown:
        return Markup()
    label = tag("label", "Token", tag("input", type="password", name="token", autocomplete="current-password"))
    user = tag(
        "input", name="user", value="edge-agent", autocomplete="username", hidden=True
    )  # password managers want one
    form = tag(
        "form",
        tag("p", "", id="question"),
        user if controls.needs_token else "",
        label if controls.needs_token else "",
        tag("p", "", class_="problem", role="alert"),
        tag("p", tag("button", "Cancel", type="button", value="cancel"), tag("button", "OK", class_="yes")),
        method="dialog",
    )
    return tag("dialog", form, aria_labelledby="question")


def button(words: str, path: str, question: str, then: str = "") -> Markup:
    """Return a button that asks `question` and then sends a POST to `path`; actions.js does both."""
    return tag("button", words, type="button", data_action=path, data_question=question, data_then=then or None)
