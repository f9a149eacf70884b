/* What stays where the user left it: how far a page was scrolled, and what he typed into a form that could not be sent. */
(() => {
  "use strict";
  const tell = (text, act) => document.dispatchEvent(new CustomEvent("tell", { detail: { text, act } }));

  // -- scroll --------------------------------------------------------------------------------------------------
  // Kept with the history's entry. Going back loads the page anew, so the browser's own memory comes too early.
  let leaving = false, later = 0;
  history.scrollRestoration = "manual";
  function remember() {
    clearTimeout(later);
    if (!leaving && (history.state || {}).y !== scrollY) history.replaceState({ ...history.state, y: scrollY }, "");
  }
  addEventListener("scroll", () => { clearTimeout(later); later = setTimeout(remember, 250); }, { passive: true });
  document.addEventListener("click", remember, true);
  document.addEventListener("submit", remember, true);
  addEventListener("keydown", (event) => { if (event.key === "Enter") remember(); }, true);
  document.addEventListener("htmx:beforeHistoryUpdate", remember);  // htmx has just written the entry anew, without it
  addEventListener("popstate", (event) => {
    leaving = true;  // the page is about to be loaded again, and htmx writes this entry anew, too
    clearTimeout(later);
    const state = event.state;
    setTimeout(() => history.replaceState(state, ""));
    addEventListener("pagehide", () => history.replaceState(state, ""));
  }, true);
  addEventListener("pagehide", remember);
  document.addEventListener("DOMContentLoaded", () => { if (history.state && history.state.y) scrollTo({ top: history.state.y, behavior: "instant" }); });

  // -- not sent ------------------------------------------------------------------------------------------------
  // No network, no server behind the proxy, or no answer in time: the form stays as it is. Pressed again it goes under the same
  // idempotency key, so what was carried out without an answer is not carried out twice.
  const SECONDS = 30;
  const writes = (detail) => !["get", "head"].includes(((detail.requestConfig || {}).verb || "get").toLowerCase());
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches("[data-upload]")) event.detail.timeout = SECONDS * 1000;
  });
  function unsent(event) {
    document.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
    if (writes(event.detail)) tell("unsent");
    else if ((event.detail.requestConfig || {}).boosted) tell("unreached");
  }
  ["htmx:sendError", "htmx:timeout"].forEach((name) => document.addEventListener(name, unsent));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status < 500 || !writes(event.detail)) return;
    event.detail.shouldSwap = false;
    unsent(event);
  });

  // -- typed, and the page loaded again -------------------------------------------------------------------------
  // In this tab only, until it is sent or left; nothing of it outlives the session or a locked screen.
  const DRAFT = "draft";
  const form = () => document.querySelector("form[data-save]");
  const told = (input) => input.name && input.name !== "csrf_token" && !["password", "file", "submit"].includes(input.type);
  const forget = () => sessionStorage.removeItem(DRAFT);
  function keep(event) {
    const typed = event.target.closest && event.target.closest("form[data-save]");
    if (!typed) return;
    const values = [...typed.elements].filter(told).filter((input) => !["checkbox", "radio"].includes(input.type) || input.checked);
    const draft = { at: location.pathname, who: document.body.dataset.who, values: values.map((input) => [input.name, input.value]) };
    try { sessionStorage.setItem(DRAFT, JSON.stringify(draft)); } catch (_) { forget(); }
  }
  ["input", "change"].forEach((name) => document.addEventListener(name, keep));
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target === document.body) forget(); });
  document.addEventListener("locked", forget);
  document.addEventListener("submit", (event) => { if (event.target.matches('[action="/sign-out"]')) forget(); }, true);

  function again() {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) || "null");
    const empty = form();
    if (!draft) return;
    if (!empty || draft.at !== location.pathname || draft.who !== document.body.dataset.who) return forget();
    const left = new Map();
    draft.values.forEach(([name, value]) => left.set(name, [...(left.get(name) || []), value]));
    for (const [name] of left) {
      const [set, row] = name.split("-");  // lines-2-quantity: as many lines as there were
      const add = row && empty.querySelector(`[data-rows="${CSS.escape(set)}"] [data-add]`);
      for (let more = 0; add && !empty.elements[name] && more < 100; more++) add.click();
    }
    [...empty.elements].filter(told).forEach((input) => {
      const values = left.get(input.name) || [];
      if (["checkbox", "radio"].includes(input.type)) input.checked = values.includes(input.value);
      else if (values.length) input.value = values.shift();
    });
    tell("restored", () => { forget(); location.reload(); });
  }
  document.addEventListener("DOMContentLoaded", again);
})();
