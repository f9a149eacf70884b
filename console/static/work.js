/* Badges of the menu, and the word to a work list to look again: one small request, and none while nobody looks. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const rows = () => all("#list tr[data-doc]");
  const shown = (row) => { row.classList.add("flash"); htmx.process(row); return row; };
  const SECONDS = 20;
  let counts = {}, asked = 0;
  const badges = () => all(".side [data-work]");

  function paint() {
    badges().forEach((badge) => {
      const count = counts[badge.dataset.work] || 0;
      badge.hidden = !count;
      badge.textContent = count > 99 ? "99+" : String(count);
      badge.title = badge.dataset.label.replace("#", badge.textContent);
    });
  }

  async function look() {
    const due = Date.now() - asked >= SECONDS * 1000 - 500;
    if (document.hidden || !due || !badges().length || $("#lock[open]")) return;
    const first = !asked;
    asked = Date.now();
    const answer = await fetch("/work", { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) return;
    counts = await answer.json();
    paint();
    if (!first) document.dispatchEvent(new Event("look"));
  }

  // Rows of a work list come and go by themselves, in its order; who works in one of them keeps it until he has left.
  function settle(other) {
    const list = $("#list"), fresh = all("#list tr[data-doc]", other);
    const busy = (row) => row.contains(document.activeElement) || row.classList.contains("is-current");
    if (!rows().length || !fresh.length) {
      if (rows().length !== fresh.length && !list.contains(document.activeElement)) { list.replaceWith(document.adoptNode($("#list", other))); htmx.process($("#list")); }
      return;
    }
    const known = new Set(fresh.map((row) => row.dataset.doc));
    rows().forEach((row) => { if (!known.has(row.dataset.doc) && !busy(row)) row.remove(); });
    let before = null;
    fresh.forEach((row) => {
      let there = $(`tr[data-doc="${row.dataset.doc}"]`);
      if (!there) {
        there = shown(document.adoptNode(row));
        if (before) before.after(there); else $("#list tbody").prepend(there);
      }
      before = there;
    });
  }
  document.addEventListener("settle", (event) => settle(event.detail));
  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target === document.body) { paint(); look(); } });
  document.addEventListener("htmx:afterOnLoad", (event) => {
    // What somebody has just done himself he sees at once.
    if (((event.detail.requestConfig || {}).verb || "get") !== "get") { asked = 0; look(); }
  });
  setInterval(look, 1000 * SECONDS);
})();
