"use strict";

const PERIOD_MS = 5000;

function parts(root) {
  return new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
}

// Replaces what has changed, and everything where parts came or went (a new doorbell).
function renew(fresh) {
  const now = parts(document);
  const then = parts(fresh);
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

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch("./", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
    document.documentElement.classList.remove("unanswered");
  } catch {
    document.documentElement.classList.add("unanswered");
  }
}

setInterval(ask, PERIOD_MS);
document.addEventListener("visibilitychange", ask);
