/* The bell: how many notices are unread. Asked for when a page comes, when the stream says that there is one, and after what was done here. */
(() => {
  "use strict";
  const badge = () => document.querySelector("[data-unread]");
  let count = 0, asking = false, again = false;

  function paint() {
    const shown = badge();
    if (!shown) return;
    shown.hidden = !count;
    shown.textContent = count > 99 ? "99+" : String(count);
    const bell = shown.closest("a");
    bell.setAttribute("aria-label", count ? bell.dataset.unreadLabel.replace("#", shown.textContent) : bell.dataset.label);
  }

  // Of many words at once one answer is enough, and the last of them is not lost.
  async function look() {
    if (!badge() || document.querySelector("#lock[open]")) return;
    if (asking) { again = true; return; }
    asking = true;
    const answer = await fetch("/notices/unread", { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer && answer.ok && !answer.redirected) count = (await answer.json()).unread;
    asking = false;
    paint();
    if (again) { again = false; look(); }
  }

  // Where there is a stream it says so when it is open (console.js).
  document.addEventListener("DOMContentLoaded", () => { if (!window.EventSource || !document.body.dataset.live) look(); });
  document.addEventListener("noticed", look);
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target === document.body) paint(); });
  document.addEventListener("htmx:afterOnLoad", (event) => { if (((event.detail.requestConfig || {}).verb || "get") !== "get") look(); });
})();
