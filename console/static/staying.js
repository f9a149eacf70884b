/* What stays where the user left it: how far a page was scrolled, when he comes back to it. */
(() => {
  "use strict";

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
  addEventListener("popstate", () => { leaving = true; clearTimeout(later); }, true);
  addEventListener("pagehide", remember);
  document.addEventListener("DOMContentLoaded", () => { if (history.state && history.state.y) scrollTo({ top: history.state.y, behavior: "instant" }); });
})();
