"""Write docs/settings.md: every key of the settings, from the settings themselves.

`make docs` runs it; a test holds that the page is up to date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from edge_agent.settings.keys import setting_keys

PAGE: Final = Path(__file__).with_name("settings.md")

HEAD: Final = """\
# Settings

<!-- Written by docs/make_settings.py; change that or edge_agent/settings/model.py, not this page. -->

Each setting is taken from the first of these that says something:

1. a flag of the command line (`edge-agent run --help`);
2. its environment variable;
3. the file that the environment variable with `_FILE` at its end names: `EDGE_AGENT_MQTT__PASSWORD_FILE=/path`;
4. a file in the secrets folder, `/run/secrets` or what `EDGE_AGENT_SECRETS_DIR` names, with the name of the variable
   in small or capital letters: `/run/secrets/edge_agent_mqtt__password`;
5. the YAML file that `--config` or `EDGE_AGENT_CONFIG` names; [agent.yaml](../config/agent.yaml) holds every key;
6. the default.

A file is text in UTF-8; a byte order mark and the end of its line do not count. A file that `_FILE` or
`--password-file` names must not be empty. An empty variable and a YAML key without a value say nothing. A list in a
variable has commas: `edgetpu,cpu`.
A key, a variable beginning with `EDGE_AGENT_` or a secret of that name that is no setting is refused, and the nearest
one is named. No message shows a value, and a password is never printed.

| key | environment variable | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = (f"| `{key.name}` | `{key.variable}` | {_shown(key.default)} | {key.meaning} |" for key in setting_keys())
    return HEAD + "\n".join(rows) + "\n"


def _shown(default: object) -> str:
    match default:
        case None | "":
            return ""
        case str() as text:
            return f"`{text}`"
        case list() as parts:
            return f"`{','.join(parts)}`"
        case _:
            return f"`{json.dumps(default)}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
