"use strict";

// Buttons with `data-action` ask first, then send a POST with the page's key, and with the token if one is needed.
const TOKEN = "edge-agent-token";

function ask(button) {
  const dialog = document.querySelector("dialog");
  const form = dialog.querySelector("form");
  const problem = dialog.querySelector(".problem");
  const token = form.elements.token;
  dialog.querySelector("#question").textContent = button.dataset.question;
  problem.textContent = "";
  if (token) token.value = sessionStorage.getItem(TOKEN) ?? "";
  dialog.querySelector("[value=cancel]").onclick = () => dialog.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await act(button, token?.value ?? "");
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  dialog.showModal();
}

async function act(button, token) {
  const { action, then } = button.dataset;
  const key = document.querySelector("meta[name=edge-agent-key]").content;
  const headers = { "X-Edge-Agent-Key": key, "X-Edge-Agent-Token": token };
  const response = await fetch(new URL(action, document.baseURI), { method: "POST", headers });
  if (!response.ok) throw new Error(await response.text());
  if (token) sessionStorage.setItem(TOKEN, token);
  if (then === "save") save(await response.blob(), action.split("/")[1]);
  else if (then) location.assign(new URL(then, document.baseURI));
  else document.dispatchEvent(new Event("visibilitychange"));
}

function save(content, day) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = `visits-${day}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) ask(button);
});
