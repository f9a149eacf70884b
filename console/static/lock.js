/* Screen lock (G-03): a sheet over the page, in every tab of this browser, so that nothing typed is lost. The server refuses
   everything meanwhile; a reloaded page asks for the password by itself. */
(() => {
  "use strict";
  const sheet = () => document.getElementById("lock");
  const tabs = window.BroadcastChannel ? new BroadcastChannel("aftersales-lock") : { postMessage() {} };

  function cover() {
    const dialog = sheet();
    if (!dialog || dialog.open) return;
    document.querySelectorAll("details.drop[open]").forEach((open) => { open.open = false; });
    dialog.showModal();
    document.dispatchEvent(new Event("locked"));
    dialog.querySelector("input[type=password]").focus();
  }

  function uncover() {
    const dialog = sheet();
    if (!dialog) return location.reload();  // the page that stands in for the sheet
    const box = dialog.querySelector(".wrong");
    box.hidden = true;
    dialog.querySelector("input[type=password]").value = "";
    if (dialog.open) dialog.close();
    document.dispatchEvent(new Event("unlocked"));
  }

  function say(text) {
    const box = sheet().querySelector(".wrong");
    box.textContent = text;
    box.hidden = false;
    const input = sheet().querySelector("input[type=password]");
    input.value = "";
    input.focus();
  }

  const send = (form, headers = {}) => fetch(form.getAttribute("action"), {
    method: "POST", body: new URLSearchParams(new FormData(form)), headers, redirect: "manual",
  }).catch(() => null);

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.matches("[data-lock]")) {
      if (!sheet() || !sheet().showModal) return;
      event.preventDefault();
      if (!await send(form)) return;
      cover();
      tabs.postMessage("lock");
    } else if (sheet() && sheet().contains(form) && form.getAttribute("action") === "/unlock") {
      event.preventDefault();
      const answer = await send(form, { "X-Sheet": "1" });
      if (!answer || answer.type === "opaqueredirect") return say(sheet().dataset.away);
      if (answer.headers.get("X-Leave")) return location.assign(answer.headers.get("X-Leave"));
      if (answer.status !== 204) return say(await answer.text());
      uncover();
      tabs.postMessage("unlock");
    }
  }, true);

  // Keys belong to the sheet alone while it is up: no shortcut of the page below, and no way round it.
  window.addEventListener("keydown", (event) => {
    const dialog = sheet();
    if (!dialog || !dialog.open) return;
    event.stopImmediatePropagation();
    if (event.key === "Escape" || event.key === "F9") event.preventDefault();
  }, true);
  document.addEventListener("cancel", (event) => { if (event.target === sheet()) event.preventDefault(); }, true);
  tabs.onmessage = (event) => (event.data === "lock" ? cover() : uncover());
})();
