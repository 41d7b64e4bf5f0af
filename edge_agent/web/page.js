"use strict";

const PERIOD_MS = 4000;
const PATIENCE_MS = 4000;
const OLD_MS = 10000;

let answeredAt = new Date();
let asking = false;

function parts(root) {
  return new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
}

// Replaces what has changed, and everything where parts came or went (a new doorbell).
function renew(fresh) {
  const now = parts(document);
  const then = parts(fresh);
  if (!then.has("status")) throw new Error("somebody else answers");
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

// Shows nothing as live that is not; the next answer replaces all of it.
function alarm() {
  const since = answeredAt.toLocaleTimeString("en-GB");
  const said = `The agent has not answered since ${since}. What you see is from before.`;
  const [banner, status] = ["alarm", "status"].map((name) => parts(document).get(name));
  if (banner.textContent !== said) banner.textContent = said;
  banner.className = "alarm";
  status.className = "status failed";
  status.textContent = "no answer";
  for (const dot of document.querySelectorAll(".dot")) {
    dot.className = "dot";
    dot.textContent = "unknown";
  }
  for (const line of document.querySelectorAll(".caption p")) line.remove();
}

async function ask() {
  if (document.hidden || asking) return;
  asking = true;
  document.documentElement.classList.toggle("old", Date.now() - answeredAt > OLD_MS);
  const request = new AbortController();
  const patience = setTimeout(() => request.abort(), PATIENCE_MS);
  try {
    const answer = await fetch("./", { cache: "no-store", signal: request.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
    answeredAt = new Date();
  } catch {
    alarm();
  } finally {
    clearTimeout(patience);
    asking = false;
    document.documentElement.classList.remove("old");
  }
}

setInterval(ask, PERIOD_MS);
document.addEventListener("visibilitychange", ask);
