"use strict";

const PERIOD_MS = 4000;
const REQUEST_TIMEOUT_MS = 4000;
const STALE_MS = 10000;

let respondedAt = new Date();
let refreshing = false;

function parts(root) {
  return new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
}

// Replaces changed parts, and the whole page when parts were added or removed (a new doorbell).
function replaceParts(fresh) {
  const now = parts(document);
  const then = parts(fresh);
  if (!then.has("status")) throw new Error("unexpected response");
  if ([...now.keys()].join() !== [...then.keys()].join()) {
    document.body.replaceWith(document.adoptNode(fresh.body));
    return;
  }
  for (const [name, part] of now) {
    const next = then.get(name);
    if (part.open) next.open = true;
    if (part.outerHTML !== next.outerHTML) part.replaceWith(document.adoptNode(next));
  }
}

// Keeps the focus where it is, and an open dialog.
function renew(fresh) {
  if (document.querySelector("dialog[open]")) return;
  const href = document.activeElement.getAttribute("href");
  replaceParts(fresh);
  if (href && document.activeElement === document.body) {
    document.querySelector(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  }
}

// Marks the page as out of date; the next response replaces all of it.
function showAlarm() {
  const since = respondedAt.toLocaleTimeString("en-GB");
  const message = `The agent has not responded since ${since}. This page shows its last data.`;
  const [banner, status] = ["alarm", "status"].map((name) => parts(document).get(name));
  if (banner.textContent !== message) banner.textContent = message;
  banner.className = "alarm";
  status.className = "status failed";
  status.textContent = "no response";
  for (const dot of document.querySelectorAll(".dot")) {
    dot.className = "dot";
    dot.textContent = "unknown";
  }
  for (const line of document.querySelectorAll(".caption p")) line.remove();
}

async function refresh() {
  if (document.hidden || refreshing) return;
  refreshing = true;
  document.documentElement.classList.toggle("old", Date.now() - respondedAt > STALE_MS);
  const request = new AbortController();
  const timeout = setTimeout(() => request.abort(), REQUEST_TIMEOUT_MS);
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: request.signal });
    renew(new DOMParser().parseFromString(await response.text(), "text/html"));
    respondedAt = new Date();
  } catch {
    showAlarm();
  } finally {
    clearTimeout(timeout);
    refreshing = false;
    document.documentElement.classList.remove("old");
  }
}

setInterval(refresh, PERIOD_MS);
document.addEventListener("visibilitychange", refresh);
